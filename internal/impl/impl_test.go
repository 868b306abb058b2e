package impl

import (
	"slices"
	"testing"
)

func TestEach(t *testing.T) {
	kernel := "none"
	add := func(name string, available bool) {
		Register("test", Impl{Name: name, Available: available, Install: func() { kernel = name }})
	}
	add("generic", true)
	if kernel != "generic" {
		t.Errorf("after the first registration: %s", kernel)
	}
	add("fast", true)
	add("alien", false)
	add("fastest", true)
	add("alien too", false)
	if kernel != "fastest" {
		t.Errorf("the best one was not installed: %s", kernel)
	}
	var seen []string
	Each("test", func(name string) {
		if kernel != name {
			t.Errorf("%s is installed while %s is to be tested", kernel, name)
		}
		seen = append(seen, name)
	})
	if !slices.Equal(seen, []string{"generic", "fast", "fastest"}) {
		t.Errorf("ran %v", seen)
	}
	if kernel != "fastest" {
		t.Errorf("Each left %s behind", kernel)
	}
	// A test that fails leaves in the middle, through a panic or runtime.Goexit.
	func() {
		defer func() { recover() }()
		Each("test", func(name string) { panic(name) })
	}()
	if kernel != "fastest" {
		t.Errorf("a failed test left %s behind", kernel)
	}
	var names []string
	for _, i := range Of("test") {
		names = append(names, i.Name)
	}
	if !slices.Equal(names, []string{"generic", "fast", "alien", "fastest", "alien too"}) {
		t.Errorf("Of: %v", names)
	}
	Of("test")[0].Name = "changed"
	if Of("test")[0].Name != "generic" {
		t.Error("Of hands out its own memory")
	}
	Each("unknown", func(string) { t.Error("an implementation of an unknown package") })
}
