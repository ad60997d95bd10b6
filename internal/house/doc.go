// Package house holds the rules of the whole tree as tests: which way imports
// point, where sentences for people stand, who gives personal data up. There is
// no code in it; the tests read the sources themselves, since the test cache
// does not see what a child process read.
package house
