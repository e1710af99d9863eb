// Package recipes has a file for each thing that people want to do after a response. The
// file has the code to copy, and the test beside it shows what the code promises. README.md lists
// them by what you want.
package recipes
