/* The messages of a read, compiled: a part of `_speedups.c`, which alone includes it. `pushwire.core.plain` says what each function
 * does.
 *
 * A text that came in one frame stays in the bytes that were read. A decoder is shown these, and whoever asks for the message gets
 * a text made: to make one for each takes a tenth of all that a message costs, most of it waiting for memory.
 */

#ifndef PUSHWIRE_MESSAGES_H
#define PUSHWIRE_MESSAGES_H

/* RFC 6455, 5.2: the first byte of a frame that is a whole text, uncompressed; and what the second byte is where the length stands
 * in the two bytes behind it. Above that it is masked, or the length has eight bytes. */
enum { FINAL_TEXT = 0x81, TWO_BYTES = 126, SHORT_HEAD = 2, LONG_HEAD = 4 };

/* Bytes that are looked at together. */
enum { EIGHT = 8 };

/* Messages that there is room for at first: more often than not one comes alone. */
enum { FEW = 4 };

struct message {
    /* A text or bytes; or the bytes in which it lies, ASCII. */
    PyObject *held;
    /* Where it lies in these. NULL: it is what is held. */
    const char *start;
    Py_ssize_t length;
};

/* `plain.Messages`. None is ever taken out. */
struct messages {
    PyObject_HEAD
    struct message *all;
    Py_ssize_t count, room;
};

/* What a decoder is shown of a message that lies in other bytes. */
struct window {
    PyObject_HEAD
    struct message message;
};

/* The state of the module. */
struct types {
    PyTypeObject *messages, *window;
};

/* The messages that `value` is, NULL: it is another sequence of them. */
static inline struct messages *
as_messages(PyObject *module, PyObject *value)
{
    const struct types *types = PyModule_GetState(module);
    return Py_IS_TYPE(value, types->messages) ? (struct messages *)value : NULL;
}

/* -1 where an exception is set. */
static int
add_message(struct messages *messages, struct message message)
{
    if (messages->count == messages->room) {
        Py_ssize_t room = messages->room ? 2 * messages->room : FEW;
        struct message *all = PyMem_Realloc(messages->all, (size_t)room * sizeof(struct message));
        if (all == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        messages->all = all;
        messages->room = room;
    }
    Py_INCREF(message.held);
    messages->all[messages->count++] = message;
    return 0;
}

/* A new reference, NULL where an exception is set. */
static PyObject *
spelled(struct message message)
{
    return message.start ? PyUnicode_DecodeUTF8(message.start, message.length, NULL) : Py_NewRef(message.held);
}

static PyObject *
messages_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {NULL};
    return PyArg_ParseTupleAndKeywords(arguments, keywords, ":Messages", names) ? type->tp_alloc(type, 0) : NULL;
}

static void
messages_dealloc(PyObject *self)
{
    struct messages *messages = (struct messages *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t at = 0; at < messages->count; at++) {
        Py_DECREF(messages->all[at].held);
    }
    PyMem_Free(messages->all);
    type->tp_free(self);
    Py_DECREF(type);
}

static Py_ssize_t
messages_length(PyObject *self)
{
    return ((struct messages *)self)->count;
}

static PyObject *
messages_item(PyObject *self, Py_ssize_t at)
{
    const struct messages *messages = (struct messages *)self;
    if (at < 0 || at >= messages->count) {
        PyErr_SetString(PyExc_IndexError, "list index out of range");
        return NULL;
    }
    return spelled(messages->all[at]);
}

static PyObject *
messages_part(PyObject *self, PyObject *slice)
{
    const struct messages *messages = (struct messages *)self;
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) {
        return NULL;
    }
    Py_ssize_t count = PySlice_AdjustIndices(messages->count, &start, &stop, step);
    PyObject *part = Py_TYPE(self)->tp_alloc(Py_TYPE(self), 0);
    for (Py_ssize_t at = 0; part != NULL && at < count; at++) {
        if (add_message((struct messages *)part, messages->all[start + at * step]) < 0) {
            Py_CLEAR(part);
        }
    }
    return part;
}

static PyObject *
messages_subscript(PyObject *self, PyObject *key)
{
    if (PySlice_Check(key)) {
        return messages_part(self, key);
    }
    Py_ssize_t at = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (at == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return messages_item(self, at < 0 ? at + messages_length(self) : at);
}

static PyObject *
messages_append(PyObject *self, PyObject *message)
{
    if (!PyUnicode_CheckExact(message) && !PyBytes_CheckExact(message)) {
        /* Of what is neither the collector might have to be told. */
        PyErr_SetString(PyExc_TypeError, "neither a text nor bytes");
        return NULL;
    }
    if (add_message((struct messages *)self, (struct message){.held = message}) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* What a list of them does; `argument` may be NULL. */
static PyObject *
asked_of_list(PyObject *self, const char *method, PyObject *argument)
{
    PyObject *list = PySequence_List(self);
    PyObject *answer = list == NULL ? NULL : PyObject_CallMethod(list, method, argument ? "O" : NULL, argument);
    Py_XDECREF(list);
    return answer;
}

static PyObject *
messages_count(PyObject *self, PyObject *message)
{
    return asked_of_list(self, "count", message);
}

static PyObject *
messages_index(PyObject *self, PyObject *message)
{
    return asked_of_list(self, "index", message);
}

static PyObject *
messages_repr(PyObject *self)
{
    return asked_of_list(self, "__repr__", NULL);
}

static PyObject *
messages_compare(PyObject *self, PyObject *other, int operator)
{
    if (!PyList_Check(other) && !Py_IS_TYPE(other, Py_TYPE(self))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject *list = PySequence_List(self), *others = list == NULL ? NULL : PySequence_List(other);
    PyObject *answer = others == NULL ? NULL : PyObject_RichCompare(list, others, operator);
    Py_XDECREF(list);
    Py_XDECREF(others);
    return answer;
}

static PyMethodDef messages_methods[] = {
    {"append", messages_append, METH_O, NULL},
    {"count", messages_count, METH_O, NULL},
    {"index", messages_index, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot messages_slots[] = {
    {Py_tp_new, messages_new},
    {Py_tp_dealloc, messages_dealloc},
    {Py_tp_methods, messages_methods},
    {Py_tp_repr, messages_repr},
    {Py_tp_richcompare, messages_compare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_sq_length, messages_length},
    {Py_sq_item, messages_item},
    {Py_mp_length, messages_length},
    {Py_mp_subscript, messages_subscript},
    {0, NULL},
};

static PyType_Spec messages_spec = {
    .name = "pushwire.core._speedups.Messages",
    .basicsize = sizeof(struct messages),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_SEQUENCE,
    .slots = messages_slots,
};

static void
window_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((struct window *)self)->message.held);
    type->tp_free(self);
    Py_DECREF(type);
}

static int
window_buffer(PyObject *self, Py_buffer *view, int flags)
{
    const struct message *message = &((struct window *)self)->message;
    return PyBuffer_FillInfo(view, self, (void *)message->start, message->length, 1, flags);
}

static PyType_Slot window_slots[] = {
    {Py_tp_dealloc, window_dealloc},
    {Py_bf_getbuffer, window_buffer},
    {0, NULL},
};

static PyType_Spec window_spec = {
    .name = "pushwire.core._speedups.Window",
    .basicsize = sizeof(struct window),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = window_slots,
};

/* As a list is one, for `isinstance`. -1 where an exception is set. */
static int
call_it_a_sequence(PyTypeObject *type)
{
    PyObject *abc = PyImport_ImportModule("collections.abc");
    PyObject *sequence = abc == NULL ? NULL : PyObject_GetAttrString(abc, "Sequence");
    PyObject *registered = sequence == NULL ? NULL : PyObject_CallMethod(sequence, "register", "O", type);
    Py_XDECREF(abc);
    Py_XDECREF(sequence);
    Py_XDECREF(registered);
    return registered == NULL ? -1 : 0;
}

static int
add_types(PyObject *module)
{
    struct types *types = PyModule_GetState(module);
    types->messages = (PyTypeObject *)PyType_FromModuleAndSpec(module, &messages_spec, NULL);
    types->window = (PyTypeObject *)PyType_FromModuleAndSpec(module, &window_spec, NULL);
    if (types->messages == NULL || types->window == NULL || call_it_a_sequence(types->messages) < 0) {
        return -1;
    }
    return PyModule_AddType(module, types->messages);
}

static int
visit_types(PyObject *module, visitproc visit, void *arg)
{
    struct types *types = PyModule_GetState(module);
    Py_VISIT(types->messages);
    Py_VISIT(types->window);
    return 0;
}

static int
clear_types(PyObject *module)
{
    struct types *types = PyModule_GetState(module);
    Py_CLEAR(types->messages);
    Py_CLEAR(types->window);
    return 0;
}

static void
free_types(void *module)
{
    clear_types(module);
}

static int
is_ascii(const char *text, Py_ssize_t length)
{
    uint64_t found = 0, bytes = 0;
    for (; length >= EIGHT; text += EIGHT, length -= EIGHT) {
        memcpy(&bytes, text, EIGHT);
        found |= bytes;
    }
    bytes = 0;
    memcpy(&bytes, text, (size_t)length);
    return !((found | bytes) & 0x8080808080808080);
}

/* -1 where an exception is set: not UTF-8. */
static int
add_text(struct messages *messages, PyObject *data, const char *start, Py_ssize_t length)
{
    /* Other bytes than these may change. */
    if (PyBytes_CheckExact(data) && is_ascii(start, length)) {
        return add_message(messages, (struct message){data, start, length});
    }
    PyObject *text = PyUnicode_DecodeUTF8(start, length, NULL);
    int added = text == NULL ? -1 : add_message(messages, (struct message){.held = text});
    Py_XDECREF(text);
    return added;
}

static PyObject *
take_texts(PyObject *module, PyObject *arguments)
{
    PyObject *whole, *value;
    Py_ssize_t at, limit;
    Py_buffer data;
    if (!PyArg_ParseTuple(arguments, "OnnO:take_texts", &whole, &at, &limit, &value)) {
        return NULL;
    }
    struct messages *messages = as_messages(module, value);
    if (messages == NULL) {
        PyErr_SetString(PyExc_TypeError, "not Messages");
        return NULL;
    }
    if (at < 0) {
        PyErr_SetString(PyExc_ValueError, "at is negative");
        return NULL;
    }
    if (PyObject_GetBuffer(whole, &data, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const unsigned char *bytes = data.buf;
    Py_ssize_t need = 0;
    int added = 0;
    while (data.len - at >= LONG_HEAD && bytes[at] == FINAL_TEXT && bytes[at + 1] <= TWO_BYTES) {
        Py_ssize_t length = bytes[at + 1], start = at + SHORT_HEAD;
        if (length == TWO_BYTES) {
            length = (Py_ssize_t)bytes[at + 2] << 8 | bytes[at + 3];
            start = at + LONG_HEAD;
        }
        if (length > data.len - start || length > limit) {
            need = length > limit ? 0 : start - at + length;
            break;
        }
        added = add_text(messages, whole, (const char *)bytes + start, length);
        if (added < 0) {
            break;
        }
        at = start + length;
    }
    PyBuffer_Release(&data);
    return added < 0 ? NULL : Py_BuildValue("nn", at, need);
}

/* A window on that message: `last`, a reference that is taken over, where nobody else has it. NULL where an exception is set. */
static PyObject *
window_on(PyTypeObject *type, PyObject *last, struct message message)
{
    if (last == NULL || Py_REFCNT(last) > 1) {
        Py_XDECREF(last);
        last = type->tp_alloc(type, 0);
    }
    if (last != NULL) {
        struct window *window = (struct window *)last;
        Py_INCREF(message.held);
        Py_XSETREF(window->message.held, message.held);
        window->message.start = message.start;
        window->message.length = message.length;
    }
    return last;
}

/* A list for the machine's own use, gone before it has taken in the read: the garbage collector would look at all that it holds,
 * for nothing, whenever it runs in between. NULL stays NULL. */
static inline PyObject *
unwatched(PyObject *list)
{
    if (list != NULL) {
        PyObject_GC_UnTrack(list);
    }
    return list;
}

static PyObject *
decode_all(PyObject *module, PyObject *arguments)
{
    PyObject *decode, *value;
    if (!PyArg_ParseTuple(arguments, "OO:decode_all", &decode, &value)) {
        return NULL;
    }
    const struct types *types = PyModule_GetState(module);
    const struct messages *messages = as_messages(module, value);
    PyObject *others = messages == NULL ? PySequence_Tuple(value) : NULL;
    PyObject *decoded = messages == NULL && others == NULL ? NULL : unwatched(PyList_New(0));
    PyObject *window = NULL;
    /* What decodes may be anything, and append more. */
    for (Py_ssize_t at = 0; decoded != NULL && at < (messages ? messages->count : PyTuple_GET_SIZE(others)); at++) {
        PyObject *raw = messages ? messages->all[at].held : PyTuple_GET_ITEM(others, at);
        if (messages && messages->all[at].start) {
            raw = window = window_on(types->window, window, messages->all[at]);
        }
        PyObject *one = raw == NULL ? NULL : PyObject_CallOneArg(decode, raw);
        if (one == NULL || PyList_Append(decoded, one) < 0) {
            Py_CLEAR(decoded);
        }
        Py_XDECREF(one);
    }
    Py_XDECREF(window);
    Py_XDECREF(others);
    return decoded;
}

/* -1 where an exception is set. */
static Py_ssize_t
length_of(struct message message)
{
    if (message.start) {
        return message.length;
    }
    if (PyUnicode_Check(message.held)) {
        return PyUnicode_GET_LENGTH(message.held);
    }
    if (PyBytes_Check(message.held)) {
        return PyBytes_GET_SIZE(message.held);
    }
    PyErr_SetString(PyExc_TypeError, "neither a text nor bytes");
    return -1;
}

static PyObject *
total_length(PyObject *module, PyObject *value)
{
    const struct messages *messages = as_messages(module, value);
    Py_ssize_t total = 0, length = 0;
    if (messages != NULL) {
        for (Py_ssize_t at = 0; at < messages->count; at++) {
            total += length_of(messages->all[at]);
        }
        return PyLong_FromSsize_t(total);
    }
    PyObject *others = PySequence_Fast(value, "the messages are not iterable");
    if (others == NULL) {
        return NULL;
    }
    for (Py_ssize_t at = 0; length >= 0 && at < PySequence_Fast_GET_SIZE(others); at++) {
        length = length_of((struct message){.held = PySequence_Fast_GET_ITEM(others, at)});
        total += length;
    }
    Py_DECREF(others);
    return length < 0 ? NULL : PyLong_FromSsize_t(total);
}

#endif
