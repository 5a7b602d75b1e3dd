"""Each function is typed as its twin in Python."""

from .plain import alike as alike
from .plain import all_decimals as all_decimals
from .plain import all_lower as all_lower
from .plain import all_whole as all_whole
from .plain import columns_of as columns_of
from .plain import having as having
from .plain import mark_times as mark_times
from .plain import of_one_type as of_one_type
from .plain import put_new as put_new
from .plain import rows_of as rows_of
from .plain import set_each as set_each
from .plain import take_texts as take_texts
