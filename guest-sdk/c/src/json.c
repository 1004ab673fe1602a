/* JSON, read and written as every SDK of Berth does: no spaces, members in the order of their names, and the shortest numbers
 * that stand for the same ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { DEEPEST = 128 };

struct berth_json {
  berth_kind kind;
  bool boolean;
  const char *text;  /* of a string; of a number as it is written */
  berth_json **items;
  const char **names;
  size_t count, room;
};

static berth_json *make(berth_kind kind) {
  berth_json *value = berth_alloc(sizeof *value);
  memset(value, 0, sizeof *value);
  value->kind = kind;
  return value;
}

/* The shortest digits that stand for a number, in the form that serde_json gives them. */
static const char *write_double(double value) {
  char digits[32];
  for (int precision = 0; precision < 17; precision++) {
    snprintf(digits, sizeof digits, "%.*e", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  double magnitude = value < 0 ? -value : value;
  char *mark = strchr(digits, 'e');
  int exponent = atoi(mark + 1);
  size_t significant = (size_t)(mark - digits) - (digits[0] == '-') - (strchr(digits, '.') != NULL);
  char text[64];
  if (magnitude != 0 && (exponent < -5 || exponent > 15)) {
    snprintf(text, sizeof text, "%.*se%d", (int)(mark - digits), digits, exponent);
  } else {
    int places = (int)significant - 1 - exponent;
    snprintf(text, sizeof text, "%.*f", places < 1 ? 1 : places, value);
  }
  return berth_copy(text, strlen(text));
}

/* ---- Reading ---- */

typedef struct {
  const char *at;
  int depth;
} reader;

static void skip(reader *reader) {
  while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r') reader->at++;
}

static int hex4(const char *at) {
  int value = 0;
  for (int i = 0; i < 4; i++) {
    char c = at[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

static char *utf8(char *out, uint32_t point) {
  if (point < 0x80) {
    *out++ = (char)point;
    return out;
  }
  int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
  *out++ = (char)(leads[more] | point >> (6 * more));
  while (more-- > 0) *out++ = (char)(0x80 | (point >> (6 * more) & 63));
  return out;
}

/* The character of an escape that begins after `\u`; 0, which no text here can hold, if there is none. */
static uint32_t escaped(reader *reader) {
  int unit = hex4(reader->at);
  if (unit < 0) return 0;
  reader->at += 4;
  if (unit < 0xd800 || unit > 0xdfff) return (uint32_t)unit;
  if (unit > 0xdbff || reader->at[0] != '\\' || reader->at[1] != 'u') return 0;
  int low = hex4(reader->at + 2);
  if (low < 0xdc00 || low > 0xdfff) return 0;
  reader->at += 6;
  return 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

static const char *read_text(reader *reader) {
  if (*reader->at != '"') return NULL;
  const char *begin = ++reader->at;
  size_t longest = 0;
  while (begin[longest] != '"' && begin[longest] != 0) longest += begin[longest] == '\\' && begin[longest + 1] != 0 ? 2 : 1;
  char *text = berth_alloc(longest + 1), *out = text;
  for (;;) {
    char c = *reader->at++;
    if (c == '"') break;
    if ((unsigned char)c < 0x20) return NULL;
    if (c != '\\') {
      *out++ = c;
      continue;
    }
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    c = *reader->at++;
    const char *plain = c == 0 ? NULL : strchr(from, c);
    if (plain != NULL) {
      *out++ = to[plain - from];
      continue;
    }
    uint32_t point = c == 'u' ? escaped(reader) : 0;
    if (point == 0) return NULL;
    out = utf8(out, point);
  }
  *out = 0;
  return text;
}

static size_t digits(reader *reader) {
  const char *begin = reader->at;
  while (*reader->at >= '0' && *reader->at <= '9') reader->at++;
  return (size_t)(reader->at - begin);
}

static berth_json *read_number(reader *reader) {
  const char *begin = reader->at;
  bool whole = true;
  if (*reader->at == '-') reader->at++;
  if (*reader->at == '0') reader->at++;
  else if (digits(reader) == 0) return NULL;
  if (*reader->at == '.') {
    whole = false;
    reader->at++;
    if (digits(reader) == 0) return NULL;
  }
  if (*reader->at == 'e' || *reader->at == 'E') {
    whole = false;
    reader->at++;
    if (*reader->at == '+' || *reader->at == '-') reader->at++;
    if (digits(reader) == 0) return NULL;
  }
  const char *text = berth_copy(begin, (size_t)(reader->at - begin));
  size_t length = strlen(text);
  bool fits = length < 19 || (text[0] != '-' && (length < 20 || (length == 20 && strcmp(text, "18446744073709551615") <= 0))) ||
              (text[0] == '-' && (length < 20 || (length == 20 && strcmp(text, "-9223372036854775808") <= 0)));
  berth_json *value = make(BERTH_NUMBER);
  value->text = whole && fits && strcmp(text, "-0") != 0 ? text : write_double(strtod(text, NULL));
  return value;
}

static berth_json *read_value(reader *reader);

static berth_json *read_items(reader *reader, char close, berth_json *value) {
  reader->at++;
  skip(reader);
  if (*reader->at == close) {
    reader->at++;
    return value;
  }
  for (;;) {
    const char *name = NULL;
    skip(reader);
    if (value->kind == BERTH_OBJECT) {
      name = read_text(reader);
      skip(reader);
      if (name == NULL || *reader->at++ != ':') return NULL;
    }
    berth_json *item = read_value(reader);
    if (item == NULL) return NULL;
    if (name != NULL) berth_set(value, name, item);
    else berth_push(value, item);
    skip(reader);
    char next = *reader->at;
    if (next != ',' && next != close) return NULL;
    reader->at++;
    if (next == close) return value;
  }
}

static berth_json *read_word(reader *reader, const char *word, berth_json *value) {
  size_t length = strlen(word);
  if (strncmp(reader->at, word, length) != 0) return NULL;
  reader->at += length;
  return value;
}

static berth_json *read_value(reader *reader) {
  skip(reader);
  if (++reader->depth > DEEPEST) return NULL;
  berth_json *value = NULL;
  switch (*reader->at) {
    case '{': value = read_items(reader, '}', berth_object()); break;
    case '[': value = read_items(reader, ']', berth_array()); break;
    case 't': value = read_word(reader, "true", berth_boolean(true)); break;
    case 'f': value = read_word(reader, "false", berth_boolean(false)); break;
    case 'n': value = read_word(reader, "null", berth_null()); break;
    case '"': {
      const char *text = read_text(reader);
      value = text == NULL ? NULL : berth_string(text);
      break;
    }
    default: value = read_number(reader);
  }
  reader->depth--;
  return value;
}

berth_json *berth_parse(const char *text) {
  reader reader = {text, 0};
  berth_json *value = read_value(&reader);
  skip(&reader);
  return *reader.at == 0 ? value : NULL;
}

/* ---- Writing ---- */

typedef struct {
  char *text;
  size_t length, room;
} writer;

static void put(writer *writer, const char *bytes, size_t count) {
  if (writer->length + count >= writer->room) {
    writer->room = 2 * (writer->length + count) + 64;
    char *larger = berth_alloc(writer->room);
    if (writer->length > 0) memcpy(larger, writer->text, writer->length);
    writer->text = larger;
  }
  memcpy(writer->text + writer->length, bytes, count);
  writer->length += count;
  writer->text[writer->length] = 0;
}

static void put_text(writer *writer, const char *text) {
  put(writer, "\"", 1);
  for (; *text != 0; text++) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *short_form = strchr(from, *text);
    char escape[8];
    if (short_form != NULL) put(writer, (char[]){'\\', to[short_form - from]}, 2);
    else if ((unsigned char)*text < 0x20) put(writer, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", *text));
    else put(writer, text, 1);
  }
  put(writer, "\"", 1);
}

static void put_value(writer *writer, const berth_json *value) {
  switch (berth_kind_of(value)) {
    case BERTH_NULL: put(writer, "null", 4); return;
    case BERTH_BOOLEAN: put(writer, value->boolean ? "true" : "false", value->boolean ? 4 : 5); return;
    case BERTH_NUMBER: put(writer, value->text, strlen(value->text)); return;
    case BERTH_STRING: put_text(writer, value->text); return;
    case BERTH_ARRAY:
    case BERTH_OBJECT: break;
  }
  bool object = value->kind == BERTH_OBJECT;
  put(writer, object ? "{" : "[", 1);
  for (size_t i = 0; i < value->count; i++) {
    if (i > 0) put(writer, ",", 1);
    if (object) {
      put_text(writer, value->names[i]);
      put(writer, ":", 1);
    }
    put_value(writer, value->items[i]);
  }
  put(writer, object ? "}" : "]", 1);
}

const char *berth_write(const berth_json *value) {
  writer writer = {0};
  put_value(&writer, value);
  return writer.text;
}

/* ---- Values ---- */

berth_kind berth_kind_of(const berth_json *value) { return value == NULL ? BERTH_NULL : value->kind; }

const char *berth_text(const berth_json *value) { return berth_kind_of(value) == BERTH_STRING ? value->text : NULL; }

size_t berth_count(const berth_json *value) { return value == NULL ? 0 : value->count; }

const char *berth_name(const berth_json *object, size_t index) {
  return berth_kind_of(object) == BERTH_OBJECT && index < object->count ? object->names[index] : NULL;
}

const berth_json *berth_element(const berth_json *value, size_t index) {
  return index < berth_count(value) ? value->items[index] : NULL;
}

/* Where a name is among the sorted names of an object, or would be. */
static size_t place_of(const berth_json *object, const char *name, bool *there) {
  size_t low = 0, high = object->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = strcmp(object->names[middle], name);
    if (order == 0) {
      *there = true;
      return middle;
    }
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  *there = false;
  return low;
}

const berth_json *berth_member(const berth_json *object, const char *name) {
  if (berth_kind_of(object) != BERTH_OBJECT) return NULL;
  bool there;
  size_t place = place_of(object, name, &there);
  return there ? object->items[place] : NULL;
}

berth_json *berth_null(void) { return make(BERTH_NULL); }

berth_json *berth_boolean(bool boolean) {
  berth_json *value = make(BERTH_BOOLEAN);
  value->boolean = boolean;
  return value;
}

berth_json *berth_integer(int64_t integer) {
  char text[24];
  int length = snprintf(text, sizeof text, "%lld", (long long)integer);
  berth_json *value = make(BERTH_NUMBER);
  value->text = berth_copy(text, (size_t)length);
  return value;
}

berth_json *berth_number(double number) {
  if (!isfinite(number)) berth_fault("%f has no place in JSON", number);
  berth_json *value = make(BERTH_NUMBER);
  value->text = write_double(number);
  return value;
}

berth_json *berth_string(const char *text) {
  if (text == NULL) return berth_null();
  berth_json *value = make(BERTH_STRING);
  value->text = berth_copy(text, strlen(text));
  return value;
}

berth_json *berth_array(void) { return make(BERTH_ARRAY); }

berth_json *berth_object(void) { return make(BERTH_OBJECT); }

static void grow(berth_json *value) {
  if (value->count < value->room) return;
  value->room = 2 * value->room + 4;
  berth_json **items = berth_alloc(value->room * sizeof *items);
  const char **names = berth_alloc(value->room * sizeof *names);
  if (value->count > 0) {
    memcpy(items, value->items, value->count * sizeof *items);
    memcpy(names, value->names, value->count * sizeof *names);
  }
  value->items = items;
  value->names = names;
}

berth_json *berth_push(berth_json *array, const berth_json *element) {
  if (berth_kind_of(array) != BERTH_ARRAY) berth_fault("berth_push wants an array, not %s", berth_describe(array));
  grow(array);
  array->names[array->count] = NULL;
  array->items[array->count++] = (berth_json *)element;
  return array;
}

berth_json *berth_set(berth_json *object, const char *name, const berth_json *value) {
  if (berth_kind_of(object) != BERTH_OBJECT) berth_fault("berth_set wants an object, not %s", berth_describe(object));
  bool there;
  size_t place = place_of(object, name, &there);
  if (!there) {
    grow(object);
    memmove(object->items + place + 1, object->items + place, (object->count - place) * sizeof *object->items);
    memmove(object->names + place + 1, object->names + place, (object->count - place) * sizeof *object->names);
    object->names[place] = name;
    object->count++;
  }
  object->items[place] = (berth_json *)value;
  return object;
}

bool berth_as_integer(const berth_json *value, int64_t *integer) {
  if (berth_kind_of(value) != BERTH_NUMBER || strpbrk(value->text, ".e") != NULL) return false;
  if (strlen(value->text) >= 19 && value->text[0] != '-' && strcmp(value->text, "9223372036854775807") > 0) return false;
  if (strlen(value->text) > 19 && value->text[0] != '-') return false;
  *integer = strtoll(value->text, NULL, 10);
  return true;
}

double berth_as_double(const berth_json *value) { return strtod(value->text, NULL); }

const char *berth_describe(const berth_json *value) {
  static const char *const words[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return words[berth_kind_of(value)];
}

const berth_json *berth_walk(const berth_json *value, const char *path) {
  while (*path != 0 && value != NULL) {
    const char *dot = strchr(path, '.');
    size_t length = dot == NULL ? strlen(path) : (size_t)(dot - path);
    const char *segment = berth_copy(path, length);
    if (value->kind == BERTH_ARRAY) {
      bool index = length > 0 && length < 10 && strspn(segment, "0123456789") == length;
      value = index ? berth_element(value, strtoul(segment, NULL, 10)) : NULL;
    } else {
      value = berth_member(value, segment);
    }
    path = dot == NULL ? "" : dot + 1;
  }
  return berth_kind_of(value) == BERTH_NULL ? NULL : value;
}
