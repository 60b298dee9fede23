package run

import "testing"

func TestIDs(t *testing.T) {
	if got := ID(1234567890123).String(); got != "1234567890123" {
		t.Errorf("ID: %q", got)
	}
	tests := []struct {
		id   TaskID
		want string
	}{
		{TaskID{Run: 7, Attempt: 2, Job: "load", Try: 3}, "7/2/load/3"},
		{TaskID{}, "0/0//0"},
	}
	for _, tt := range tests {
		if got := tt.id.String(); got != tt.want {
			t.Errorf("TaskID: %q, want %q", got, tt.want)
		}
	}
}
