//go:build !race

package report_test

const stories = 6000
