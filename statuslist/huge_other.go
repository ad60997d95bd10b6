//go:build !linux

package statuslist

func preferHuge([]byte) {}
