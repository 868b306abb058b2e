package chat

func (m *machine) printf(s string, v any) any  { m.fail("not yet"); return nil }
func (m *machine) format(s string, a *args) any { m.fail("not yet"); return nil }
