using System;
using System.CommandLine;
using System.IO;
using Sos.Cores;
using Sos.Ctl.Commands;
using Sos.Ctl.Output;

namespace Sos.Ctl;

/// <summary>The command line of sosctl: what it understands, and the exit code of each outcome.</summary>
internal static class CommandLine
{
    /// <summary>Results as JSON, on one line, instead of text.</summary>
    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Write the result as JSON",
        Recursive = true,
    };

    /// <summary>Makes the tree of commands.</summary>
    public static RootCommand Create(Terminal terminal)
    {
        RootCommand root = new("Gives CPU cores to services: takes them from Linux, starts services on them, and gives them back.")
        {
            CoreCommands.Create(terminal),
            ImageCommands.Create(terminal),
            ServiceCommands.Create(terminal),
            FirewallCommands.Create(terminal),
            DeviceCommands.Create(terminal),
            TimerCommands.Create(terminal),
            NoiseCommands.Create(terminal),
            TopCommand.Create(terminal),
            DoctorCommand.Create(terminal),
            CompletionCommand.Create(terminal),
            VersionCommand.Create(terminal),
        };
        root.Options.Add(Json);
        return root;
    }

    /// <summary>Parses and runs a command.</summary>
    /// <returns>The exit code: 0, or a <see cref="SosError"/>.</returns>
    public static int Run(string[] arguments, Terminal terminal)
    {
        ParseResult result = Create(terminal).Parse(arguments);
        terminal.Json = result.GetValue(Json);
        if (result.Errors.Count > 0 && result.Action is System.CommandLine.Invocation.ParseErrorAction)
        {
            terminal.WriteError(SosError.Usage, $"{result.Errors[0].Message} (try '--help')");
            return (int)SosError.Usage;
        }

        InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, Output = terminal.Out, Error = terminal.Error };
        try
        {
            return result.Invoke(configuration);
        }
        catch (SosException e)
        {
            terminal.WriteError(e.Error, e.Message);
            return (int)e.Error;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            terminal.WriteError(SosError.NotFound, e.Message);
            return (int)SosError.NotFound;
        }
        catch (UnauthorizedAccessException e)
        {
            terminal.WriteError(SosError.NotPermitted, $"{e.Message} Run this as root ('sudo sosctl ...').");
            return (int)SosError.NotPermitted;
        }
        catch (IOException e)
        {
            terminal.WriteError(SosError.Failed, e.Message);
            return (int)SosError.Failed;
        }
    }
}
