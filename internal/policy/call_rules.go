package policy

import "strings"

// call applies the rules to one call.
func (r *reviewer) call(c call) {
	r.arguments(c)
	r.program(c)
	if c.name == "" {
		return
	}
	r.low(c)
	r.medium(c)
	r.high(c)
	if text, ok := c.script(); ok {
		r.text(text)
	}
}

// program looks at where the program is.
func (r *reviewer) program(c call) {
	r.path(c.program.text)
	dir, _ := splitPath(c.program.text)
	if len(r.workspace) == 0 || !strings.HasPrefix(c.program.text, "/") || isSystemDir(dir) {
		return
	}
	for _, w := range r.workspace {
		if isBelow(c.program.text, w) {
			return
		}
	}
	r.find(outsideWorkspace, c.program.shown()+" is outside the workspace")
}

// arguments looks at the names of files. Text that is only printed is no file.
func (r *reviewer) arguments(c call) {
	switch c.name {
	case "echo", "printf", ":", "true":
		return
	}
	if _, ok := wrapperOf(c.name); ok {
		return // they are the arguments of the call within
	}
	_, isScript := c.script()
	for _, a := range c.args {
		if !isScript || !strings.ContainsAny(a.text, " \n") { // a script is read on its own
			r.path(a.text)
		}
	}
}

// path looks at one name of a file, or an option with one in it.
func (r *reviewer) path(text string) {
	if hasParent(text) {
		r.find(parentDirectory, shown(text)+" leads out of its directory")
	}
	if isSensitive(text) {
		r.find(sensitiveFile, shown(text)+" holds credentials")
	}
}

// writeTo looks at a file that is written.
func (r *reviewer) writeTo(text string) {
	if isSystemFile(text) {
		r.find(systemWrite, "writes to "+shown(text))
	}
}

func (r *reviewer) low(c call) {
	switch c.name {
	case "sudo", "su", "doas", "pkexec", "runuser":
		r.find(sudo, c.name+" runs something as another user")
	case "rm":
		if !c.has("rR", "--recursive", "--no-preserve-root") {
			break
		}
		for _, a := range c.operands() {
			if isRootOrHome(a.text) {
				r.find(deleteAll, "rm deletes "+a.shown()+" with all that is in it")
			}
		}
	case "nc", "netcat", "ncat":
		if c.has("e", "--exec", "--sh-exec") {
			r.find(netcatExec, c.name+" gives whoever connects a program")
		}
	case "shutdown", "reboot", "halt", "poweroff":
		r.find(power, c.name+" stops the host")
	case "init", "telinit":
		for _, a := range c.operands() {
			if a.text == "0" || a.text == "6" {
				r.find(power, c.name+" "+a.text+" stops the host")
			}
		}
	case "systemctl":
		for _, a := range c.operands() {
			switch a.text {
			case "poweroff", "reboot", "halt", "kexec", "suspend", "hibernate":
				r.find(power, "systemctl "+a.text+" stops the host")
			}
		}
	}
	for _, target := range c.written() {
		r.writeTo(target)
	}
}

// written returns the files that a program is told to change.
func (c call) written() []string {
	var all []string
	operands := c.operands()
	switch c.name {
	case "dd":
		for _, a := range operands {
			if file, ok := strings.CutPrefix(a.text, "of="); ok {
				all = append(all, file)
			}
		}
	case "cp", "install", "ln", "rsync", "scp":
		if len(operands) > 1 && len(c.targetDirectory()) == 0 {
			all = append(all, operands[len(operands)-1].text)
		}
	case "sed", "perl":
		if !c.has("i", "--in-place") {
			break
		}
		all = texts(operands)
	case "tee", "mv", "truncate", "touch", "mkdir", "rmdir", "rm", "unlink", "chmod", "chown", "chgrp", "shred", "wipefs":
		all = texts(operands)
	}
	return append(all, c.targetDirectory()...)
}

// targetDirectory returns the value of -t and --target-directory, for those who have it.
func (c call) targetDirectory() []string {
	switch c.name {
	case "cp", "mv", "install", "ln":
	default:
		return nil
	}
	for i, a := range c.args {
		if dir, ok := strings.CutPrefix(a.text, "--target-directory="); ok {
			return []string{dir}
		}
		if isShort(a.text) && strings.HasSuffix(a.text, "t") && i+1 < len(c.args) {
			return []string{c.args[i+1].text}
		}
	}
	return nil
}

func texts(ws []word) []string {
	all := make([]string, len(ws))
	for i, w := range ws {
		all[i] = w.text
	}
	return all
}

func (r *reviewer) medium(c call) {
	for _, target := range c.changed() {
		if isRootOrHome(target) || isSystemTop(target) {
			r.find(rootOrHome, c.name+" changes "+shown(target))
		}
	}
	switch {
	case c.name == "eval":
		r.find(evalRule, "eval runs text as a command")
	case c.name == "exec" && len(c.args) > 0:
		r.find(execRule, "exec replaces the shell by "+c.args[0].shown())
	case c.name == "mkfs", strings.HasPrefix(c.name, "mkfs."), c.name == "mke2fs", c.name == "mkswap":
		r.find(mkfs, c.name+" makes a file system")
	case c.name == "mount" && len(c.operands()) > 0, c.name == "umount":
		r.find(mount, c.name+" changes what is mounted")
	}
}

// changed returns what is deleted, moved away or opened to everybody.
func (c call) changed() []string {
	operands := texts(c.operands())
	switch c.name {
	case "rm":
		return operands
	case "mv":
		if len(c.targetDirectory()) > 0 || len(operands) == 0 {
			return operands
		}
		return operands[:len(operands)-1]
	case "chmod":
		if len(operands) > 1 && opensToAll(operands[0]) {
			return operands[1:]
		}
	case "chown":
		if len(operands) > 1 && c.has("R", "--recursive") {
			return operands[1:]
		}
	case "find":
		if c.deletes() {
			return c.starts()
		}
	}
	return nil
}

func opensToAll(mode string) bool {
	switch mode {
	case "777", "0777", "a+rwx", "ugo+rwx", "a=rwx", "+rwx", "ugo=rwx", "1777", "7777":
		return true
	}
	return false
}

// deletes reports whether find deletes what it finds.
func (c call) deletes() bool {
	for i, a := range c.args {
		if a.text == "-delete" {
			return true
		}
		if strings.HasPrefix(a.text, "-exec") && i+1 < len(c.args) {
			if _, name := splitPath(c.args[i+1].text); name == "rm" {
				return true
			}
		}
	}
	return false
}

// starts returns where find begins.
func (c call) starts() []string {
	var all []string
	for _, a := range c.args {
		switch {
		case a.text == "-H", a.text == "-L", a.text == "-P":
		case strings.HasPrefix(a.text, "-"), a.text == "(", a.text == "!":
			return all
		default:
			all = append(all, a.text)
		}
	}
	return all
}

func (r *reviewer) high(c call) {
	switch c.name {
	case "curl", "wget":
		if file, ok := c.savedAs(); ok && !isStdout(file) {
			r.find(overwritingDownload, c.name+" overwrites "+shown(file))
		}
	case "nohup":
		r.find(nohup, "nohup lets a program outlive its job")
	case "rsync":
		for _, a := range c.args {
			if strings.HasPrefix(a.text, "--del") {
				r.find(rsyncDelete, "rsync "+a.text+" deletes files at the destination")
			}
		}
	case "at", "batch", "crontab":
		r.find(scheduler, c.name+" has something run later")
	case "iptables", "ip6tables", "nft", "ufw", "firewall-cmd":
		r.find(firewall, c.name+" changes the packet filter")
	case "systemctl", "service":
		r.find(services, c.name+" changes services")
	case "useradd", "userdel", "usermod", "adduser", "deluser", "groupadd", "groupdel", "groupmod",
		"passwd", "chpasswd", "gpasswd", "chage", "visudo":
		r.find(userManagement, c.name+" changes users or groups")
	}
}

// savedAs returns the file that a download is written to whether or not it is there.
func (c call) savedAs() (string, bool) {
	long, short := "--output", "o"
	if c.name == "wget" {
		long, short = "--output-document", "O"
	}
	for i, a := range c.args {
		switch {
		case strings.HasPrefix(a.text, long+"="):
			return a.text[len(long)+1:], true
		case a.text == long, isShort(a.text) && strings.HasSuffix(a.text, short):
			if i+1 < len(c.args) {
				return c.args[i+1].text, true
			}
		case isShort(a.text) && a.text[1:2] == short:
			return a.text[2:], true
		case c.name == "curl" && (a.text == "--remote-name" || isShort(a.text) && strings.HasSuffix(a.text, "O")):
			return "a file named by the address", true
		}
	}
	return "", false
}
