using System;
using System.CommandLine;
using System.IO;
using Sos.Cores;
using Sos.Ssh.Keys;
using Sos.Verbs;

namespace Sos.RemoteConsole.Control;

/// <summary><c>sosctl console key</c>: makes the host's key, or shows the one that is there.</summary>
internal static class ConsoleHostKey
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Argument<string> file = new("FILE")
        {
            Description = "The key's file",
            DefaultValueFactory = _ => SshParameters.HostKeyDefault,
        };
        Option<string?> host = new("--host") { Description = "The address or name under which the console is known, for the line of known_hosts" };
        Option<int> port = new("--ssh-port") { Description = "The port of SSH", DefaultValueFactory = _ => Ssh.SshSettings.PortDefault };
        Command command = new("key", "Make the host key of SSH, or show the one that is there") { file, host, port };
        command.SetAction(result => Run(terminal, result.GetValue(file)!, result.GetValue(host), result.GetValue(port)));
        return command;
    }

    /// <summary>Makes or shows a key.</summary>
    internal static int Run(Terminal terminal, string path, string? host, int port)
    {
        path = Path.GetFullPath(path);
        bool isNew = !File.Exists(path);
        HostKey key = isNew ? Make(path) : SshParameters.ReadHostKey(path);
        PublicKey shown = key.PublicKey;
        ConsoleKeyDocument document = new(path, isNew, shown.Fingerprint, shown.ToString(), shown.ToKnownHostsLine(host ?? "ADDRESS", port));
        terminal.Write(document, ConsoleVerbs.Documents.ConsoleKeyDocument, output =>
        {
            output.WriteLine(isNew ? $"{path} has a new host key: keep it, and keep it secret" : $"{path} has the host key");
            output.WriteLine($"ssh shows it as {document.Fingerprint}");
            output.WriteLine("for known_hosts, so that ssh does not have to ask:");
            output.WriteLine(document.KnownHosts);
        });
        return 0;
    }

    private static HostKey Make(string path)
    {
        HostKey key = HostKey.Generate();
        try
        {
            // Of the folder others may know; the file is its owner's.
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            key.Save(path, "sos console");
            return key;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SosException(SosError.NotFound, $"{path} cannot be written: {e.Message}", e);
        }
    }
}
