package format

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// mostData is what a ConfigMap may hold.
const mostData = 1 << 20

// configMaps are the dashboards for the sidecar of Grafana: it reads each ConfigMap with
// the label into a file, in the folder that the annotation names.
func (c Content) configMaps(o Options) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, name := range c.boards() {
		var text bytes.Buffer
		// Without its indents, so that kubectl can keep a copy in an annotation, which may have a quarter of the size.
		if err := json.Compact(&text, c.dashboards[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if text.Len() > mostData {
			return nil, fmt.Errorf("%s: %d bytes do not fit into a ConfigMap", name, text.Len())
		}
		m := o.metadata("afterglow-dashboard-" + name)
		m.Labels["grafana_dashboard"] = "1"
		m.Annotations = map[string]string{"grafana_folder": o.Folder}
		b, err := manifest(object{
			APIVersion: "v1", Kind: "ConfigMap", Metadata: m,
			Data: map[string]string{"afterglow-" + name + ".json": text.String() + "\n"},
		})
		if err != nil {
			return nil, err
		}
		files["kubernetes/dashboard-"+name+".yaml"] = b
	}
	return files, nil
}
