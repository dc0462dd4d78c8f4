using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.RemoteConsole.Control;
using Sos.Ssh.Keys;

namespace Sos.RemoteConsole.Tests;

/// <summary>The files of SSH on both sides, and the lines with which OpenSSH's client uses them.</summary>
internal sealed class SshVisitor : IDisposable
{
    public const string Label = "somebody@somewhere";

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-console-").FullName;

    public SshVisitor()
    {
        HostKey = HostKey.Generate();
        HostKey.Save(File("host"), "console");
        HostKey user = HostKey.Generate();
        user.Save(File("id"), Label);
        System.IO.File.WriteAllText(File("authorized_keys"), $"# who may\n{user.PublicKey} {Label}\n");
        HostKey.Generate().Save(File("stranger"), "stranger");
    }

    /// <summary>The host's key.</summary>
    public HostKey HostKey { get; }

    /// <summary>Returns the path of a file of these.</summary>
    public string File(string name) => Path.Combine(_folder, name);

    /// <summary>Returns the parameters that the console gets, a line each.</summary>
    public string Parameters()
    {
        Dictionary<string, string> parameters = [];
        SshParameters.Add(parameters, File("authorized_keys"), File("host"));
        return string.Join('\n', parameters.Select(pair => $"{pair.Key}={pair.Value}"));
    }

    /// <summary>Returns the start of a command line: ssh, its options, and whom to visit.</summary>
    /// <param name="address">The console's address.</param>
    /// <param name="options">More options.</param>
    /// <param name="key">The key to use.</param>
    /// <param name="user">The user to log in as.</param>
    public string Ssh(string address, string options = "", string key = "id", string user = "console")
    {
        System.IO.File.WriteAllText(File("known"), HostKey.PublicKey.ToKnownHostsLine(address) + "\n");
        return $"env -u SSH_AUTH_SOCK -u DISPLAY ssh -F none -i {File(key)} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes"
            + $" -o UserKnownHostsFile={File("known")} -o GlobalKnownHostsFile=none -o ConnectTimeout=60 {options} {user}@{address}";
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
