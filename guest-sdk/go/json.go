package berth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Object is a JSON object.
type Object = map[string]any

// parse reads JSON. Numbers stay the text they are.
func parse(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, fmt.Errorf("there is more after the first value")
	}
	return value, nil
}

// write writes JSON as every SDK of Berth does: no spaces, members in the order of their names, and the shortest numbers
// that stand for the same ones. It panics at what has no place in JSON.
func write(value any) string {
	var out bytes.Buffer
	put(&out, value)
	return out.String()
}

func put(out *bytes.Buffer, value any) {
	switch value := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(value))
	case string:
		putText(out, value)
	case json.Number:
		out.WriteString(number(string(value)))
	case float64:
		out.WriteString(float(value))
	case int:
		out.WriteString(strconv.Itoa(value))
	case []any:
		out.WriteByte('[')
		for i, element := range value {
			if i > 0 {
				out.WriteByte(',')
			}
			put(out, element)
		}
		out.WriteByte(']')
	case Object:
		putObject(out, value)
	default:
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		plain, err := parse(string(text))
		if err != nil {
			panic(err)
		}
		put(out, plain)
	}
}

func putObject(out *bytes.Buffer, members Object) {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	out.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			out.WriteByte(',')
		}
		putText(out, name)
		out.WriteByte(':')
		put(out, members[name])
	}
	out.WriteByte('}')
}

func putText(out *bytes.Buffer, text string) {
	out.WriteByte('"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\b':
			out.WriteString(`\b`)
		case '\f':
			out.WriteString(`\f`)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		case '\t':
			out.WriteString(`\t`)
		default:
			if c < 0x20 {
				fmt.Fprintf(out, `\u%04x`, c)
			} else {
				out.WriteByte(c)
			}
		}
	}
	out.WriteByte('"')
}

// number writes the number that a text stands for.
func number(text string) string {
	if !strings.ContainsAny(text, ".eE") && text != "-0" {
		_, signed := strconv.ParseInt(text, 10, 64)
		_, unsigned := strconv.ParseUint(text, 10, 64)
		if signed == nil || unsigned == nil {
			return text
		}
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return float(value)
}

func float(value float64) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		panic(fmt.Sprintf("%v has no place in JSON", value))
	}
	mantissa, tail, _ := strings.Cut(strconv.FormatFloat(value, 'e', -1, 64), "e")
	exponent, _ := strconv.Atoi(tail)
	if value != 0 && (exponent < -5 || exponent > 15) {
		return mantissa + "e" + strconv.Itoa(exponent)
	}
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func describe(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	}
	return "an object"
}

// decode reads JSON into a value. Numbers stay the text they are where any value is taken.
func decode(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
