"""Each function is typed as its twin in Python."""

from .core.plain import alike as alike
from .core.plain import all_decimals as all_decimals
from .core.plain import all_lower as all_lower
from .core.plain import all_whole as all_whole
from .core.plain import having as having
from .core.plain import mark_times as mark_times
from .core.plain import of_one_type as of_one_type
from .core.plain import rows_of as rows_of
from .core.plain import set_each as set_each
from .core.plain import take_texts as take_texts
