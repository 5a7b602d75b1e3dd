/* What is done for every message of a read, compiled. `pushwire.core.plain` has each function in Python: that says what it does, and
 * runs where this was not built. `tests/core/test_speedups.py` holds the two against each other.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "_messages.h"

/* Digits of the largest uint256. */
enum { MOST_DIGITS = 78 };

/* Of attributes that are read at a time. */
enum { MOST_NAMES = 16 };

/* Reads the attributes of some names from values that are nearly all of one type. */
struct reader {
    PyObject *names;
    Py_ssize_t count;
    /* The type of the value that is looked at, and where in that each name's slot is: such a one is read without a look at all that
     * an attribute may be, which takes most of the time. 0: it has none. */
    PyTypeObject *type;
    Py_ssize_t offsets[MOST_NAMES];
};

/* Where a value of this type has the slot of that name, 0: it has none; -1 where an exception is set. */
static Py_ssize_t
slot_offset(PyTypeObject *type, PyObject *name)
{
    PyObject *found = PyObject_GetAttr((PyObject *)type, name);
    if (found == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    Py_ssize_t offset = 0;
    if (Py_IS_TYPE(found, &PyMemberDescr_Type) && PyType_IsSubtype(type, PyDescr_TYPE(found))) {
        const PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        offset = member->type == T_OBJECT_EX && member->flags == 0 ? member->offset : 0;
    }
    Py_DECREF(found);
    return offset;
}

static int
learn_type(struct reader *reader, PyTypeObject *type)
{
    Py_XSETREF(reader->type, (PyTypeObject *)Py_NewRef((PyObject *)type));
    for (Py_ssize_t place = 0; place < reader->count; place++) {
        reader->offsets[place] = 0;
        if (type->tp_getattro == PyObject_GenericGetAttr) {
            reader->offsets[place] = slot_offset(type, PyTuple_GET_ITEM(reader->names, place));
            if (reader->offsets[place] < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* A new reference, NULL where an exception is set. */
static inline PyObject *
read_attribute(const struct reader *reader, PyObject *value, Py_ssize_t place)
{
    Py_ssize_t offset = reader->offsets[place];
    PyObject *part = offset ? *(PyObject **)((char *)value + offset) : NULL;
    /* A slot that was not set is an error like any. */
    return part ? Py_NewRef(part) : PyObject_GetAttr(value, PyTuple_GET_ITEM(reader->names, place));
}

/* What is done with each value: 1 to go on, 0 to stop, -1 where an exception is set. */
typedef int (*visitor)(PyObject *value, const struct reader *reader, void *more);

/* Visit each of `values` until that stops it; what was said last. */
static inline int
visit_all(PyObject *values, PyObject *names, visitor visit, void *more)
{
    struct reader reader = {.names = names, .count = PyTuple_GET_SIZE(names)};
    if (reader.count > MOST_NAMES) {
        PyErr_Format(PyExc_ValueError, "more than %d names", MOST_NAMES);
        return -1;
    }
    PyObject *all = PySequence_Fast(values, "the values are not iterable");
    if (all == NULL) {
        return -1;
    }
    int said = 1;
    /* What an attribute is may be found out by any code, which may shorten a list. */
    for (Py_ssize_t at = 0; said == 1 && at < PySequence_Fast_GET_SIZE(all); at++) {
        PyObject *value = Py_NewRef(PySequence_Fast_GET_ITEM(all, at));
        said = Py_IS_TYPE(value, reader.type) || learn_type(&reader, Py_TYPE(value)) == 0 ? visit(value, &reader, more) : -1;
        Py_DECREF(value);
    }
    Py_DECREF(all);
    Py_XDECREF(reader.type);
    return said;
}

enum { FOUR = 4 };

/* Whether each of so many bytes, eight at most, is a digit: '0' is 0x30, and of the bytes above '9' none has that high half with
   six added. No byte carries into the next but from 0xFA on, whose own high half is another. */
static inline int
are_digits(const char *text, size_t count)
{
    const uint64_t high = 0xF0F0F0F0F0F0F0F0, zeros = 0x3030303030303030, six = 0x0606060606060606;
    uint64_t bytes = zeros;
    memcpy(&bytes, text, count);
    return ((bytes & high) == zeros) & (((bytes + six) & high) == zeros);
}

/* How many digits `text` begins with. */
static inline Py_ssize_t
digits(const char *text, Py_ssize_t length)
{
    Py_ssize_t count = 0;
    while (length - count >= EIGHT && are_digits(text + count, EIGHT)) {
        count += EIGHT;
    }
    if (length - count >= FOUR && are_digits(text + count, FOUR)) {
        count += FOUR;
    }
    while (count < length && text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

static int
is_decimal(const char *text, Py_ssize_t length)
{
    if (length > 0 && *text == '-') {
        text++;
        length--;
    }
    Py_ssize_t whole = digits(text, length);
    if (whole == 0 || whole > MOST_DIGITS) {
        return 0;
    }
    if (whole == length) {
        return 1;
    }
    Py_ssize_t fraction = length - whole - 1;
    return text[whole] == '.' && fraction > 0 && fraction <= MOST_DIGITS && digits(text + whole + 1, fraction) == fraction;
}

static int
is_whole(const char *text, Py_ssize_t length)
{
    return length <= MOST_DIGITS && digits(text, length) == length;
}

static int
is_lower(const char *text, Py_ssize_t length)
{
    /* Every byte of what is not ASCII is above it. */
    unsigned char found = 0;
    for (Py_ssize_t place = 0; place < length; place++) {
        unsigned char byte = (unsigned char)text[place];
        found |= byte >= 0x80 || (byte >= 'A' && byte <= 'Z');
    }
    return !found;
}

/* What a text of a value must be, told of its UTF-8. */
typedef int (*rule)(const char *text, Py_ssize_t length);

/* `none` is the answer where there is no text. */
static inline int
fits(PyObject *text, rule rule, int none)
{
    if (text == Py_None) {
        return none;
    }
    if (PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text)) {
        return rule((const char *)PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
    }
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);
    if (utf8 != NULL) {
        return rule(utf8, length);
    }
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        /* A lone surrogate: neither a digit nor ASCII. */
        PyErr_Clear();
        return 0;
    }
    return -1;
}

/* A visitor for each rule, with it in the midst: a text is short, and to call anything takes as long as to look at it. */
static inline int
all_of_it_fits(PyObject *value, const struct reader *reader, rule rule, int none)
{
    int said = 1;
    for (Py_ssize_t place = 0; place < reader->count && said == 1; place++) {
        PyObject *text = read_attribute(reader, value, place);
        said = text == NULL ? -1 : fits(text, rule, none);
        Py_XDECREF(text);
    }
    return said;
}

static int
has_decimals(PyObject *value, const struct reader *reader, void *Py_UNUSED(more))
{
    return all_of_it_fits(value, reader, is_decimal, 0);
}

static int
has_whole(PyObject *value, const struct reader *reader, void *Py_UNUSED(more))
{
    return all_of_it_fits(value, reader, is_whole, 1);
}

static int
has_lower(PyObject *value, const struct reader *reader, void *Py_UNUSED(more))
{
    return all_of_it_fits(value, reader, is_lower, 0);
}

static PyObject *
all_fit(PyObject *arguments, visitor visit)
{
    PyObject *values, *names;
    if (!PyArg_ParseTuple(arguments, "OO!", &values, &PyTuple_Type, &names)) {
        return NULL;
    }
    int said = visit_all(values, names, visit, NULL);
    return said < 0 ? NULL : PyBool_FromLong(said);
}

static PyObject *
all_decimals(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    return all_fit(arguments, has_decimals);
}

static PyObject *
all_whole(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    return all_fit(arguments, has_whole);
}

static PyObject *
all_lower(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    return all_fit(arguments, has_lower);
}

static int
append_if_any(PyObject *value, const struct reader *reader, void *having)
{
    int any = 0;
    for (Py_ssize_t place = 0; place < reader->count && any == 0; place++) {
        PyObject *part = read_attribute(reader, value, place);
        any = part == NULL ? -1 : PyObject_IsTrue(part);
        Py_XDECREF(part);
    }
    if (any > 0) {
        any = PyList_Append(having, value);
    }
    return any < 0 ? -1 : 1;
}

/* What of each value `visit` appends to a list. */
static PyObject *
listed(PyObject *arguments, visitor visit)
{
    PyObject *values, *names;
    if (!PyArg_ParseTuple(arguments, "OO!", &values, &PyTuple_Type, &names)) {
        return NULL;
    }
    PyObject *list = unwatched(PyList_New(0));
    if (list != NULL && visit_all(values, names, visit, list) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

static PyObject *
having(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    return listed(arguments, append_if_any);
}

/* What a value has, as a tuple, NULL where an exception is set. A text that is as in `last`, a row or NULL, is the same object. */
static PyObject *
row_of(PyObject *value, const struct reader *reader, PyObject *last)
{
    PyObject *row = PyTuple_New(reader->count);
    if (row == NULL) {
        return NULL;
    }
    int is_plain = 1;
    for (Py_ssize_t place = 0; place < reader->count; place++) {
        PyObject *part = read_attribute(reader, value, place);
        if (part == NULL) {
            Py_DECREF(row);
            return NULL;
        }
        if (PyUnicode_CheckExact(part)) {
            PyObject *same = last ? PyTuple_GET_ITEM(last, place) : NULL;
            if (same != NULL && PyUnicode_CheckExact(same) && PyUnicode_Compare(same, part) == 0) {
                Py_SETREF(part, Py_NewRef(same));
            }
        }
        else {
            is_plain = is_plain && (part == Py_None || PyLong_CheckExact(part) || PyBool_Check(part));
        }
        PyTuple_SET_ITEM(row, place, part);
    }
    if (is_plain) {
        /* Nothing in it can be part of a cycle. The collector would find that out itself, each time for some hundred of them. */
        PyObject_GC_UnTrack(row);
    }
    return row;
}

static int
append_row(PyObject *value, const struct reader *reader, void *rows)
{
    Py_ssize_t count = PyList_GET_SIZE(rows);
    PyObject *row = row_of(value, reader, count ? PyList_GET_ITEM(rows, count - 1) : NULL);
    if (row == NULL) {
        return -1;
    }
    int appended = PyList_Append(rows, row);
    Py_DECREF(row);
    return appended < 0 ? -1 : 1;
}

static PyObject *
rows_of(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    return listed(arguments, append_row);
}

/* What the first value has of each name; NULL until it has been looked at. */
struct model {
    PyObject *parts[MOST_NAMES];
};

static int
is_like(PyObject *value, const struct reader *reader, void *more)
{
    struct model *model = more;
    int said = 1;
    for (Py_ssize_t place = 0; place < reader->count && said == 1; place++) {
        PyObject *part = read_attribute(reader, value, place);
        if (part == NULL) {
            said = -1;
        }
        else if (model->parts[place] == NULL) {
            model->parts[place] = Py_NewRef(part);
        }
        else {
            said = PyObject_RichCompareBool(model->parts[place], part, Py_EQ);
        }
        Py_XDECREF(part);
    }
    return said;
}

static PyObject *
alike(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *values, *names;
    struct model model = {{NULL}};
    if (!PyArg_ParseTuple(arguments, "OO!", &values, &PyTuple_Type, &names)) {
        return NULL;
    }
    int said = visit_all(values, names, is_like, &model);
    for (Py_ssize_t place = 0; place < MOST_NAMES; place++) {
        Py_XDECREF(model.parts[place]);
    }
    return said < 0 ? NULL : PyBool_FromLong(said);
}

static PyObject *
of_one_type(PyObject *Py_UNUSED(module), PyObject *values)
{
    PyObject *all = PySequence_Fast(values, "the values are not iterable");
    if (all == NULL) {
        return NULL;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(all), same = 0;
    PyObject **items = PySequence_Fast_ITEMS(all);
    while (same < count && Py_IS_TYPE(items[same], Py_TYPE(items[0]))) {
        same++;
    }
    Py_DECREF(all);
    return PyBool_FromLong(same == count);
}

static PyObject *
set_each(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *values, *name, *parts;
    if (!PyArg_ParseTuple(arguments, "OUO", &values, &name, &parts)) {
        return NULL;
    }
    PyObject *each = PyObject_GetIter(values), *of_each = each == NULL ? NULL : PyObject_GetIter(parts);
    PyObject *value = NULL;
    int set = of_each == NULL ? -1 : 0;
    while (set == 0 && (value = PyIter_Next(each)) != NULL) {
        PyObject *part = PyIter_Next(of_each);
        if (part == NULL && !PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "fewer parts than values");
        }
        set = part == NULL ? -1 : PyObject_SetAttr(value, name, part);
        Py_XDECREF(part);
        Py_DECREF(value);
    }
    Py_XDECREF(each);
    Py_XDECREF(of_each);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Which time is set of which key. */
struct mark {
    PyObject *times, *at;
};

static int
mark_time(PyObject *value, const struct reader *reader, void *more)
{
    const struct mark *mark = more;
    PyObject *key = row_of(value, reader, NULL);
    if (key == NULL) {
        return -1;
    }
    int set = PyDict_SetItem(mark->times, key, mark->at);
    Py_DECREF(key);
    return set < 0 ? -1 : 1;
}

static PyObject *
mark_times(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *values, *names;
    struct mark mark;
    if (!PyArg_ParseTuple(arguments, "O!OO!O", &PyDict_Type, &mark.times, &values, &PyTuple_Type, &names, &mark.at)) {
        return NULL;
    }
    if (visit_all(values, names, mark_time, &mark) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
append_parts(PyObject *value, const struct reader *reader, void *columns)
{
    for (Py_ssize_t place = 0; place < reader->count; place++) {
        PyObject *part = read_attribute(reader, value, place);
        int appended = part == NULL ? -1 : PyList_Append(PyTuple_GET_ITEM(columns, place), part);
        Py_XDECREF(part);
        if (appended < 0) {
            return -1;
        }
    }
    return 1;
}

static PyObject *
columns_of(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *values, *names;
    if (!PyArg_ParseTuple(arguments, "OO!", &values, &PyTuple_Type, &names)) {
        return NULL;
    }
    PyObject *columns = PyTuple_New(PyTuple_GET_SIZE(names));
    for (Py_ssize_t place = 0; columns != NULL && place < PyTuple_GET_SIZE(names); place++) {
        PyObject *column = unwatched(PyList_New(0));
        if (column == NULL) {
            Py_CLEAR(columns);
        }
        else {
            PyTuple_SET_ITEM(columns, place, column);
        }
    }
    if (columns != NULL && visit_all(values, names, append_parts, columns) < 0) {
        Py_CLEAR(columns);
    }
    return columns;
}

static PyObject *
put_new(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *known, *keys, *values;
    if (!PyArg_ParseTuple(arguments, "O!O!O!", &PyDict_Type, &known, &PyTuple_Type, &keys, &PyTuple_Type, &values)) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(keys), put = 0;
    if (PyTuple_GET_SIZE(values) != count) {
        PyErr_SetString(PyExc_ValueError, "not as many values as keys");
        return NULL;
    }
    for (; put < count; put++) {
        Py_ssize_t before = PyDict_GET_SIZE(known);
        if (PyDict_SetDefault(known, PyTuple_GET_ITEM(keys, put), PyTuple_GET_ITEM(values, put)) == NULL) {
            return NULL;
        }
        if (PyDict_GET_SIZE(known) == before) {
            break;
        }
    }
    return PyLong_FromSsize_t(put);
}

static PyMethodDef methods[] = {
    {"all_decimals", all_decimals, METH_VARARGS, NULL},
    {"all_lower", all_lower, METH_VARARGS, NULL},
    {"all_whole", all_whole, METH_VARARGS, NULL},
    {"alike", alike, METH_VARARGS, NULL},
    {"columns_of", columns_of, METH_VARARGS, NULL},
    {"decode_all", decode_all, METH_VARARGS, NULL},
    {"having", having, METH_VARARGS, NULL},
    {"mark_times", mark_times, METH_VARARGS, NULL},
    {"of_one_type", of_one_type, METH_O, NULL},
    {"put_new", put_new, METH_VARARGS, NULL},
    {"rows_of", rows_of, METH_VARARGS, NULL},
    {"set_each", set_each, METH_VARARGS, NULL},
    {"take_texts", take_texts, METH_VARARGS, NULL},
    {"total_length", total_length, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_types},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pushwire.core._speedups",
    .m_size = sizeof(struct types),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = visit_types,
    .m_clear = clear_types,
    .m_free = free_types,
};

PyMODINIT_FUNC
PyInit__speedups(void)
{
    return PyModuleDef_Init(&definition);
}
