package workflow

import "slices"

// FieldNames returns the names that each kind of object of a workflow file may have,
// sorted. It is for what describes the format elsewhere, and for its tests.
func FieldNames() map[string][]string {
	return map[string][]string{
		"workflow":   namesOf(workflowFields),
		"job":        namesOf(jobFields),
		"check":      namesOf(checkFields),
		"dependency": namesOf(edgeFields),
		"use":        namesOf(useFields),
		"param":      namesOf(paramFields),
		"secret":     namesOf(secretFields),
		"rule":       namesOf(ruleFields),
		"program":    namesOf(customFields),
		"foreach":    namesOf(foreachFields),
		"plugin":     namesOf(pluginFields),
		"schedule":   namesOf(scheduleFields),
		"days":       namesOf(scheduleCalendarFields),
		"trigger":    namesOf(triggerFields),
		"webhook":    namesOf(webhookFields),
		"files":      namesOf(filesFields),
		"key":        namesOf(keyFields),
	}
}

func namesOf[T any](known fields[T]) []string { return slices.Collect(sortedKeys(known)) }
