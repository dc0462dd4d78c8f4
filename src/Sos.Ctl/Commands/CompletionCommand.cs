using System.CommandLine;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl completion</c>: scripts that let a shell complete our command line, by asking us (the [suggest] directive).</summary>
internal static class CompletionCommand
{
    private const string Bash =
        """
        # bash completion of sosctl: source it, or put it into /etc/bash_completion.d/sosctl
        _sosctl() {
            local line
            COMPREPLY=()
            while IFS= read -r line; do
                [[ $line != "${COMP_WORDS[COMP_CWORD]}"* ]] || COMPREPLY+=("$line")
            done < <(sosctl "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)
        }
        complete -o default -F _sosctl sosctl
        """;

    private const string Zsh =
        """
        #compdef sosctl
        # zsh completion of sosctl: put it into a folder of $fpath as _sosctl
        _sosctl() {
            local -a words_found
            words_found=("${(@f)$(sosctl "[suggest:${#BUFFER}]" "${BUFFER}" 2>/dev/null)}")
            compadd -- ${words_found:#}
            _files
        }
        compdef _sosctl sosctl
        """;

    private const string Fish =
        """
        # fish completion of sosctl: put it into ~/.config/fish/completions/sosctl.fish
        complete -c sosctl -a '(set -l line (commandline -cp); sosctl "[suggest:"(string length -- $line)"]" "$line" 2>/dev/null)'
        """;

    public static Command Create(Terminal terminal)
    {
        Argument<string> shell = new("SHELL") { Description = "The shell" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        Command command = new("completion", "Write a script with which a shell completes sosctl's command line") { shell };
        command.SetAction(result =>
        {
            string script = result.GetValue(shell) switch
            {
                "bash" => Bash,
                "zsh" => Zsh,
                _ => Fish,
            };
            terminal.Write(new CompletionDocument(result.GetValue(shell)!, script), Documents.Current.CompletionDocument, output => output.WriteLine(script));
            return 0;
        });
        return command;
    }
}
