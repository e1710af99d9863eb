package rules_test

// reasons says why one side of a cell, or both, cannot be tested or cannot matter.
var reasons = map[string]cell{}
