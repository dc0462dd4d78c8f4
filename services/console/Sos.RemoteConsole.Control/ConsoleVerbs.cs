using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Serialization;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Sos.RemoteConsole.Control;

/// <summary><c>sosctl console</c>: makes keys and passwords, starts a console, and shows what it counted.</summary>
public static class ConsoleVerbs
{
    private static ConsoleDocuments? _documents;

    /// <summary>How documents are written.</summary>
    internal static ConsoleDocuments Documents
        => _documents ??= Terminal.Readable(ConsoleDocuments.Default.Options, options => new ConsoleDocuments(options));

    /// <summary>Makes the command.</summary>
    /// <param name="terminal">Where results go.</param>
    /// <param name="companions">What the control plane knows of services.</param>
    public static Command Create(Terminal terminal, CompanionCatalogue companions)
    {
        Argument<string> file = new("FILE") { Description = "The file to make, for 'service start --telnet FILE'" };
        Command password = new("password", "Read a password from the standard input, and write its hash to a file") { file };
        password.SetAction(result => WritePassword(terminal, Console.In, result.GetValue(file)!));

        Argument<int> cpu = CoreArguments.Cpu();
        Command status = new("status", "Show a console's addresses and what it counted") { cpu };
        status.SetAction(result => Show(terminal, result.GetValue(cpu)));
        return new Command(ConsoleCompanion.ServiceName, "Log in to a machine whose Linux does not answer")
        {
            new ConsoleStart().Create(terminal, companions), ConsoleHostKey.Create(terminal), password, status,
        };
    }

    /// <summary>Makes a password's file.</summary>
    internal static int WritePassword(Terminal terminal, TextReader input, string path)
    {
        string full = Path.GetFullPath(path);
        if (ReferenceEquals(input, Console.In) && !Console.IsInputRedirected)
        {
            terminal.Note("type the password, which is shown, and Return; or give it by a pipe");
        }

        PasswordFile.Write(full, PasswordFile.Hash(input.ReadLine() ?? ""));
        terminal.Write(
            new ConsolePasswordDocument(full), Documents.ConsolePasswordDocument,
            output => output.WriteLine($"{full} has the hash: start the console with '--{ConsoleCompanion.TelnetOption} {full}'"));
        return 0;
    }

    private static int Show(Terminal terminal, int cpu)
    {
        ServiceView view = new ServiceReadings(new CoreBackEnds()).Read(cpu);
        if (view.Record is not { Control: not null } record)
        {
            throw new SosException(SosError.NotFound, $"core {cpu} has no service: start one with 'sosctl service start {cpu} IMAGE'");
        }

        Dictionary<string, ulong> counters = view.Counters.Where(pair => pair.Key.StartsWith("console.", StringComparison.Ordinal)).ToDictionary();
        bool hasSsh = record.Plan.Options.ContainsKey(ConsoleCompanion.SshOption);
        ConsoleDocument document = new(
            cpu, record.Plan.Parameters, record.Plan.Options.ContainsKey(ConsoleCompanion.TelnetOption), counters,
            hasSsh ? [.. ConsoleLogIn.Addresses(record.Plan).Select(address => ConsoleLogIn.Command(address, ConsoleLogIn.Port(record.Plan)))] : null);
        terminal.Write(document, Documents.ConsoleDocument, output =>
        {
            foreach ((string name, string value) in document.Parameters)
            {
                output.WriteLine($"{name} {value}");
            }

            output.WriteLine(document.Ssh is null ? "ssh is off" : $"ssh is on: {string.Join(", or ", document.Ssh)}");
            output.WriteLine(document.Telnet ? "telnet is on: passwords and all else can be read on the way" : "telnet is off");
            Terminal.WriteTable(output, ["COUNTER", "VALUE"], document.Counters.Select(pair => (IReadOnlyList<string>)
                [pair.Key, pair.Value.ToString(CultureInfo.InvariantCulture)]));
        });
        return 0;
    }
}

/// <summary>The document of 'sosctl console password'.</summary>
internal sealed record ConsolePasswordDocument(string File);

/// <summary>The document of 'sosctl console key'.</summary>
internal sealed record ConsoleKeyDocument(string File, bool IsNew, string Fingerprint, string PublicKey, string KnownHosts);

/// <summary>The document of 'sosctl console start'.</summary>
internal sealed record ConsoleStartedDocument(
    int Cpu, IReadOnlyList<string> Addresses, int? SshPort, string? Fingerprint, IReadOnlyList<string> KnownHosts, IReadOnlyList<string> Notes);

/// <summary>The document of 'sosctl console status'. Keys are added, never renamed.</summary>
internal sealed record ConsoleDocument(
    int Cpu, IReadOnlyDictionary<string, string> Parameters, bool Telnet, IReadOnlyDictionary<string, ulong> Counters, IReadOnlyList<string>? Ssh);

/// <summary>How the documents are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ConsolePasswordDocument))]
[JsonSerializable(typeof(ConsoleKeyDocument))]
[JsonSerializable(typeof(ConsoleStartedDocument))]
[JsonSerializable(typeof(ConsoleDocument))]
internal sealed partial class ConsoleDocuments : JsonSerializerContext;
