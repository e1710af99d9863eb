// Package integrations is documentation only. Each directory below it is a module of its own, which runs callbacks
// after the responses of one server or framework. README.md lists them, and says what holds on each platform.
package integrations
