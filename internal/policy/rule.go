package policy

// ruleID is a rule's index in rules.
type ruleID int

const (
	unparsable ruleID = iota
	outsideWorkspace
	parentDirectory
	sensitiveFile
	systemWrite
	deleteAll
	sudo
	webToShell
	netcatExec
	power
	commandSubstitution
	rootOrHome
	evalRule
	execRule
	mkfs
	mount
	overwritingDownload
	nohup
	rsyncDelete
	scheduler
	firewall
	services
	userManagement
)

// Rule describes one thing that is watched.
type Rule struct {
	Name    string // stable
	Level   string // from which on it is watched
	Meaning string
}

var rules = [...]Rule{
	unparsable:          {"unparsable", Warning, "the command is not valid shell"},
	outsideWorkspace:    {"outside_workspace", Always, "a program by an absolute path outside workspace_paths and the system's directories"},
	parentDirectory:     {"parent_directory", Always, "\"..\" in a path"},
	sensitiveFile:       {"sensitive_file", Always, "passwd, shadow, ssh keys, credentials of clouds"},
	systemWrite:         {"system_write", Low, "writing to /etc, /proc, /sys or a raw device"},
	deleteAll:           {"delete_root_or_home", Low, "deleting / or a home directory with all that is in it"},
	sudo:                {"sudo", Low, "sudo, su, doas: running something as another user"},
	webToShell:          {"web_to_shell", Low, "running what was downloaded without it having been looked at"},
	netcatExec:          {"netcat_exec", Low, "netcat giving somebody a shell"},
	power:               {"power", Low, "switching the host off or restarting it"},
	commandSubstitution: {"command_substitution", Low, "$(…) or `…`: what is run depends on output"},
	rootOrHome:          {"root_or_home_change", Medium, "rm, mv, find -delete, chmod 777 or chown -R on /, a directory of the system or a home directory"},
	evalRule:            {"eval", Medium, "running text as a command"},
	execRule:            {"exec", Medium, "replacing the shell by another program"},
	mkfs:                {"mkfs", Medium, "making a file system"},
	mount:               {"mount", Medium, "mounting or unmounting a file system"},
	overwritingDownload: {"overwriting_download", High, "a download that overwrites a file"},
	nohup:               {"nohup", High, "a program that is to outlive its job"},
	rsyncDelete:         {"rsync_delete", High, "rsync deleting at its destination"},
	scheduler:           {"scheduler", High, "at, batch, crontab"},
	firewall:            {"firewall", High, "changing the packet filter"},
	services:            {"services", High, "systemctl, service"},
	userManagement:      {"user_management", High, "changing users, groups or passwords"},
}

// Rules returns all rules, for the documents.
func Rules() []Rule { return append([]Rule(nil), rules[:]...) }
