package format

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// Merge adds what our alerts need to the configuration of an Alertmanager that is there
// already. All else stays as it is, comments too. What an earlier Merge of the same flags has
// added is replaced.
// Receivers are those that must be there already.
func (c Content) Merge(config []byte, receivers map[string]string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(config, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is no configuration of Alertmanager: it has no keys")
	}
	root := doc.Content[0]
	route := child(root, "route")
	if route == nil || route.Kind != yaml.MappingNode {
		return nil, errors.New("it is no configuration of Alertmanager: it has no route")
	}
	theirs, err := sequence(root, "receivers")
	if err != nil {
		return nil, err
	}
	isTheirs := make(map[string]bool)
	for _, name := range receivers {
		if isOf(c.part.Receivers, name) {
			return nil, fmt.Errorf("the receiver %s is one of those that are added: name another one", name)
		}
		isTheirs[name] = true
	}
	remove(theirs, func(n *yaml.Node) bool {
		name := scalar(child(n, "name"))
		return isOf(c.own.Receivers, name) && !isTheirs[name]
	})
	for _, name := range receivers {
		if !slices.ContainsFunc(theirs.Content, func(n *yaml.Node) bool { return scalar(child(n, "name")) == name }) {
			return nil, fmt.Errorf("it has no receiver %s", name)
		}
	}
	if err := add(theirs, c.part.Receivers); err != nil {
		return nil, err
	}

	routes, err := sequence(route, "routes")
	if err != nil {
		return nil, err
	}
	if err := removeEqual(routes, []rules.Route{c.part.Route}, receiverAndTimes...); err != nil {
		return nil, err
	}
	before := routes.Content
	routes.Content = nil
	if err := add(routes, []rules.Route{c.part.Route}); err != nil {
		return nil, err
	}
	routes.Content = append(routes.Content, before...) // ours comes first: no other route takes our alerts

	inhibit, err := sequence(root, "inhibit_rules")
	if err != nil {
		return nil, err
	}
	if err := removeEqual(inhibit, c.part.Inhibit); err != nil {
		return nil, err
	}
	if err := add(inhibit, c.part.Inhibit); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err = enc.Encode(&doc)
	return b.Bytes(), err
}

// child is the value of a key; nil if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

// sequence is the list of a key, which it makes if there is none.
func sequence(n *yaml.Node, key string) (*yaml.Node, error) {
	list := child(n, key)
	switch {
	case list == nil:
		list = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, list)
	case list.Kind == yaml.ScalarNode && list.Tag == "!!null":
		*list = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	case list.Kind != yaml.SequenceNode:
		return nil, fmt.Errorf("it is no configuration of Alertmanager: %s is no list", key)
	}
	list.Style = 0 // a list in brackets has no room for what is added
	return list, nil
}

func remove(list *yaml.Node, ours func(*yaml.Node) bool) {
	list.Content = slices.DeleteFunc(list.Content, ours)
}

// receiverAndTimes are what flags change in our route.
var receiverAndTimes = []string{"receiver", "group_wait", "group_interval", "repeat_interval"}

// isOf reports whether one of the receivers has a name.
func isOf(receivers []rules.Receiver, name string) bool {
	return slices.ContainsFunc(receivers, func(r rules.Receiver) bool { return r.Name == name })
}

// removeEqual removes what equals one of our values, whatever these keys have. All else is the user's,
// about our alerts too.
func removeEqual[T any](list *yaml.Node, ours []T, except ...string) error {
	var own yaml.Node
	if err := own.Encode(ours); err != nil {
		return err
	}
	var values []any
	for _, n := range own.Content {
		v, err := plain(n, except)
		if err != nil {
			return err
		}
		values = append(values, v)
	}
	remove(list, func(n *yaml.Node) bool {
		v, err := plain(n, except)
		return err == nil && slices.ContainsFunc(values, func(own any) bool { return reflect.DeepEqual(own, v) })
	})
	return nil
}

// plain is the value of a node, without these keys at any depth.
func plain(n *yaml.Node, except []string) (v any, err error) {
	err = n.Decode(&v)
	strip(v, except)
	return v, err
}

func strip(v any, keys []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range keys {
			delete(v, key)
		}
		for _, below := range v {
			strip(below, keys)
		}
	case []any:
		for _, below := range v {
			strip(below, keys)
		}
	}
}

// add appends values to a list.
func add[T any](list *yaml.Node, values []T) error {
	for _, v := range values {
		var n yaml.Node
		if err := n.Encode(v); err != nil {
			return err
		}
		list.Content = append(list.Content, &n)
	}
	return nil
}
