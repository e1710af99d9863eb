// Package migration shows, by tests, the five bugs of a bare go statement in a handler, and that
// runner.After has none of them. The page docs/migration.md tells about them.
package migration
