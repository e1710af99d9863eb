package recipes

import (
	"context"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Cache answers with what it has, and loads a stale value anew after the response: once, however
// many requests have seen that it is stale. Set the fields before use.
type Cache struct {
	Load   func(ctx context.Context, key string) (string, error)
	MaxAge time.Duration

	mu     sync.Mutex
	values map[string]cached // guarded by mu
}

type cached struct {
	value  string
	loaded time.Time
}

// Get returns the value of the key. A request waits for Load only if there is no value yet.
func (c *Cache) Get(ctx context.Context, key string) (string, error) {
	entry, ok := c.get(key)
	if !ok {
		return c.reload(ctx, key)
	}
	if c.isStale(entry) {
		// Coalesce merges the callbacks that wait. If After returns an error, the stale value is
		// still right to answer with, and the next request asks again.
		_ = runner.After(ctx, "cache.revalidate", func(ctx context.Context) error {
			if entry, _ := c.get(key); !c.isStale(entry) {
				return nil // one that ran meanwhile has loaded it
			}
			_, err := c.reload(ctx, key)
			return err
		}, runner.Coalesce(key))
	}
	return entry.value, nil
}

func (c *Cache) get(key string) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.values[key]
	return entry, ok
}

func (c *Cache) isStale(entry cached) bool { return time.Since(entry.loaded) > c.MaxAge }

func (c *Cache) reload(ctx context.Context, key string) (string, error) {
	value, err := c.Load(ctx, key)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = make(map[string]cached)
	}
	c.values[key] = cached{value, time.Now()}
	return value, nil
}
