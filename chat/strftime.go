package chat

import (
	"fmt"
	"strings"
	"time"
)

// strftime is Python's datetime.strftime in the C locale, for a time without a zone, as transformers calls it. The flags -, _,
// 0 and ^ are glibc's. Directives that it does not know stay as they are.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 || i+1 == len(format) {
			b.WriteString(format)
			return b.String()
		}
		b.WriteString(format[:i])
		directive := format[i:]
		pos := 1
		flag := byte(0)
		if strings.IndexByte("-_0^", directive[1]) >= 0 && len(directive) > 2 {
			flag, pos = directive[1], 2
		}
		text, ok := timeField(t, directive[pos], flag)
		if !ok {
			text = directive[:pos+1]
		}
		if flag == '^' {
			text = strings.ToUpper(text)
		}
		b.WriteString(text)
		format = directive[pos+1:]
	}
}

// timeForms are the directives that Go's layouts can say, or that stand for others.
var timeForms = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'p': "PM",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02",
	'r': "03:04:05 PM", 'R': "15:04", 'T': "15:04:05",
}

// timeField returns the text of one directive.
func timeField(t time.Time, directive, flag byte) (string, bool) {
	if layout, ok := timeForms[directive]; ok {
		return t.Format(layout), true
	}
	year, week := t.ISOWeek()
	weekday := int(t.Weekday())
	value, width, pad := 0, 2, "0"
	switch directive {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 'z', 'Z':
		return "", true
	case 's':
		value, width = int(t.Unix()), 1
	case 'd':
		value = t.Day()
	case 'e':
		value, pad = t.Day(), " "
	case 'm':
		value = int(t.Month())
	case 'y':
		value = t.Year() % 100
	case 'Y':
		value, width = t.Year(), 1
	case 'C':
		value = t.Year() / 100
	case 'H':
		value = t.Hour()
	case 'k':
		value, pad = t.Hour(), " "
	case 'I':
		value = (t.Hour()+11)%12 + 1
	case 'l':
		value, pad = (t.Hour()+11)%12+1, " "
	case 'M':
		value = t.Minute()
	case 'S':
		value = t.Second()
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000), true
	case 'j':
		value, width = t.YearDay(), 3
	case 'u':
		value, width = (weekday+6)%7+1, 1
	case 'w':
		value, width = weekday, 1
	case 'G':
		value, width = year, 1
	case 'V':
		value = week
	case 'U':
		value = (t.YearDay() + 6 - weekday) / 7
	case 'W':
		value = (t.YearDay() + 6 - (weekday+6)%7) / 7
	default:
		return "", false
	}
	switch flag {
	case '-':
		width = 1
	case '_':
		pad = " "
	case '0':
		pad = "0"
	}
	text := fmt.Sprint(value)
	return strings.Repeat(pad, max(0, width-len(text))) + text, true
}
