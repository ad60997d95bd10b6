//go:build race

package report_test

// stories are how many are drawn. Under the race detector each takes ten times
// as long, and one more tells it nothing.
const stories = 300
