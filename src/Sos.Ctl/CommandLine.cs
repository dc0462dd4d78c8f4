using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using Sos.Catalogue;
using Sos.Cores;
using Sos.Ctl.Commands;
using Sos.Verbs;

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
            ServiceCommands.Create(terminal, ServiceCatalogue.Companions),
            DeviceCommands.Create(terminal),
            TopCommand.Create(terminal),
            DoctorCommand.Create(terminal),
            CompletionCommand.Create(terminal),
            ManualCommand.Create(terminal),
            VersionCommand.Create(terminal),
        };
        foreach (KnownService service in ServiceCatalogue.All.Where(service => service.Verbs is not null))
        {
            root.Subcommands.Add(service.Verbs!(terminal, ServiceCatalogue.Companions));
        }

        root.Options.Add(Json);
        return root;
    }

    /// <summary>Parses and runs a command.</summary>
    /// <returns>The exit code: 0, or a <see cref="SosError"/>.</returns>
    public static int Run(string[] arguments, Terminal terminal)
    {
        try
        {
            int exitCode = Execute(arguments, terminal);
            terminal.Out.Flush();
            return exitCode;
        }
        catch (IOException e) when (StandardOutput.IsReaderGone(e))
        {
            return 0;
        }
        catch (IOException e)
        {
            // Of the output itself: what it would take is lost, and the reason goes where there is room.
            terminal.Note(e.Message);
            return (int)SosError.Failed;
        }
    }

    private static int Execute(string[] arguments, Terminal terminal)
    {
        ParseResult result = Create(terminal).Parse(arguments);
        terminal.Json = result.GetValue(Json);
        if (result.Errors.Count > 0 && result.Action is System.CommandLine.Invocation.ParseErrorAction)
        {
            return Fail(terminal, SosError.Usage, $"{result.Errors[0].Message} (try '--help')");
        }

        InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, Output = terminal.Out, Error = terminal.Error };
        try
        {
            return result.Invoke(configuration);
        }
        catch (SosException e)
        {
            foreach (string note in e.Notes)
            {
                terminal.Note(note);
            }

            return Fail(terminal, e.Error, e.Message);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Fail(terminal, SosError.NotFound, e.Message);
        }
        catch (UnauthorizedAccessException e)
        {
            return Fail(terminal, SosError.NotPermitted, $"{e.Message} Run this as root ('sudo sosctl ...').");
        }
        catch (IOException e) when (!StandardOutput.IsReaderGone(e))
        {
            return Fail(terminal, SosError.Failed, e.Message);
        }
    }

    private static int Fail(Terminal terminal, SosError error, string message)
    {
        terminal.WriteError(error, message);
        return (int)error;
    }
}
