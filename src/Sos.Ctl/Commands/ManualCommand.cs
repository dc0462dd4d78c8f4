using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Text;
using Sos.Cores;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl manual</c>: the page sosctl(8), of the same tree of commands that is parsed, for packages.</summary>
internal static class ManualCommand
{
    public static Command Create(Terminal terminal)
    {
        Command command = new("manual", "Write the manual page sosctl(8)") { Hidden = true };
        command.SetAction(result =>
        {
            string page = Write((RootCommand)result.RootCommandResult.Command);
            terminal.Write(new ManualDocument(page), Documents.Current.ManualDocument, output => output.Write(page));
            return 0;
        });
        return command;
    }

    /// <summary>Writes the page in the language of man(7).</summary>
    public static string Write(RootCommand root)
    {
        StringBuilder page = new();
        page.AppendLine(".TH SOSCTL 8 \"\" \"SOS\" \"System administration\"");
        page.AppendLine(".SH NAME").AppendLine("sosctl \\- give CPU cores to services and take them back");
        page.AppendLine(".SH SYNOPSIS").AppendLine(".B sosctl").AppendLine(".I COMMAND").AppendLine("[\\fIoptions\\fR]");
        page.AppendLine(".SH DESCRIPTION").AppendLine(Escape(root.Description ?? ""));
        page.AppendLine("Every command has \\fB\\-\\-help\\fR. With \\fB\\-\\-json\\fR the result is one JSON document.");
        page.AppendLine(".SH COMMANDS");
        foreach ((string path, Command command) in Leaves("sosctl", root))
        {
            WriteCommand(page, path, command);
        }

        page.AppendLine(".SH EXIT STATUS");
        foreach (SosError error in Enum.GetValues<SosError>())
        {
            page.AppendLine(".TP").AppendLine($".B {(int)error}").AppendLine(Escape(error.ToString()));
        }

        page.AppendLine(".SH FILES");
        WriteFile(page, "/etc/sos/services/*.toml", "services that are started after each boot");
        WriteFile(page, "/run/sos", "what SOS must remember of cores until the next boot");
        WriteFile(page, "/usr/lib/sos", "service images, and the program in which one runs on an isolated core");
        page.AppendLine(".SH SEE ALSO").AppendLine(".BR sosd (8)");
        return page.ToString();
    }

    private static IEnumerable<(string Path, Command Command)> Leaves(string path, Command command)
        => command.Subcommands.Where(child => !child.Hidden)
            .SelectMany(child => child.Subcommands.Count == 0 ? [($"{path} {child.Name}", child)] : Leaves($"{path} {child.Name}", child));

    private static void WriteCommand(StringBuilder page, string path, Command command)
    {
        string arguments = string.Concat(command.Arguments.Select(argument => argument.Arity.MinimumNumberOfValues == 0
            ? $" [\\fI{Escape(argument.Name)}\\fR]"
            : $" \\fI{Escape(argument.Name)}\\fR"));
        page.AppendLine(".SS").AppendLine($"\\fB{Escape(path)}\\fR{arguments}").AppendLine(Escape(command.Description ?? ""));
        foreach (Option option in command.Options.Where(option => !option.Hidden && option.Name != "--help"))
        {
            string names = string.Join(", ", option.Aliases.Append(option.Name).Select(name => $"\\fB{Escape(name)}\\fR"));
            string value = option.ValueType == typeof(bool) ? "" : $" \\fI{Escape(option.HelpName ?? "VALUE")}\\fR";
            page.AppendLine(".TP").AppendLine(names + value).AppendLine(Escape(option.Description ?? ""));
        }
    }

    private static void WriteFile(StringBuilder page, string path, string what)
        => page.AppendLine(".TP").AppendLine($".I {Escape(path)}").AppendLine(what);

    // A line that begins with a dot or an apostrophe would be a request.
    private static string Escape(string text)
    {
        string escaped = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal)
            .Replace("'", "\\(aq", StringComparison.Ordinal);
        return escaped.StartsWith('.') ? "\\&" + escaped : escaped;
    }
}
