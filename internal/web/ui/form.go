package ui

import "strconv"

// itemID gives the first of a group the group's own ID, so that an error's
// link finds it, and numbers the others.
func itemID(group string, i int) string {
	if i == 0 {
		return group
	}
	return group + "-" + strconv.Itoa(i+1)
}

// capitals is the keyboard's shift: codes are printed in capitals, addresses
// are not.
func (f Field) capitals() string {
	if f.Kind == Code {
		return "characters"
	}
	return "none"
}
