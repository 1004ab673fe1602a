package berth

import "testing"

func TestJSONIsWrittenAsEverySDKDoes(t *testing.T) {
	value, err := parse(` {"b": [1, -0, 21.0, 1e16, 1.50, 0.00001, 1.5e-6, 18446744073709551615, 1e-7],
		"10": "\u00e9\ud83e\udd80\u2028/\u0007\n<>&", "9": {}, "none": null} `)
	if err != nil {
		t.Fatal(err)
	}
	wanted := "{\"10\":\"é🦀\u2028/\\u0007\\n<>&\",\"9\":{},\"b\":[1,-0.0,21.0,1e16,1.5,0.00001,1.5e-6,18446744073709551615,1e-7],\"none\":null}"
	if written := write(value); written != wanted {
		t.Fatalf("\n%s\nis not\n%s", written, wanted)
	}
	if written := write(struct {
		A float64 `json:"a"`
	}{2}); written != `{"a":2}` {
		t.Fatal(written)
	}
}
