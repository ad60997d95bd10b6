package ui

import (
	"image/color"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// qrCode is a square code as rows of dark runs.
type qrCode struct {
	size int // modules along a side, without the quiet zone; 0: nothing to draw
	dark func(x, y int) bool
}

// quiet is the white frame a reader needs, in modules (ISO/IEC 18004).
const quiet = 4

// newQR codes text with a quarter of it repairable, enough for a creased
// print. Text too long for a code of its kind draws nothing.
func newQR(text string) qrCode {
	code, err := qr.Encode(text, qr.Q, qr.Auto)
	if err != nil {
		return qrCode{}
	}
	return qrCode{code.Bounds().Dx(), func(x, y int) bool {
		return color.GrayModel.Convert(code.At(x, y)).(color.Gray).Y < 128
	}}
}

func (q qrCode) viewBox() string {
	n := strconv.Itoa(q.size + 2*quiet)
	return "0 0 " + n + " " + n
}

// path draws each run of dark modules in a row as one rectangle.
func (q qrCode) path() string {
	var b strings.Builder
	for y := range q.size {
		for x := 0; x < q.size; x++ {
			if !q.dark(x, y) {
				continue
			}
			from := x
			for x < q.size && q.dark(x, y) {
				x++
			}
			b.WriteString("M" + strconv.Itoa(from+quiet) + " " + strconv.Itoa(y+quiet) + "h" + strconv.Itoa(x-from) + "v1h-" + strconv.Itoa(x-from) + "z")
		}
	}
	return b.String()
}
