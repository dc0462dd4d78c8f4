using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Sos.Cores;
using Sos.RemoteConsole.Ssh;
using Sos.Ssh;
using Sos.Ssh.Keys;

namespace Sos.RemoteConsole.Control;

/// <summary>The files of SSH become the service's parameters: the host's key, the keys that may log in, and randomness for this start.</summary>
internal static class SshParameters
{
    /// <summary>The host key's file unless another is named.</summary>
    public const string HostKeyDefault = "/etc/sos/console.key";

    private const int FileSizeMax = 1 << 20;

    /// <summary>Adds the parameters.</summary>
    /// <param name="parameters">Takes them.</param>
    /// <param name="keysPath">authorized_keys.</param>
    /// <param name="hostKeyPath">The host key's file.</param>
    /// <exception cref="SosException">A file cannot be read, or no key may log in; the message says what to do.</exception>
    public static void Add(Dictionary<string, string> parameters, string keysPath, string hostKeyPath)
    {
        HostKey hostKey = ReadHostKey(hostKeyPath);
        AuthorizedKeysResult read = ReadKeys(keysPath);
        if (read.Keys.Count == 0)
        {
            string why = read.Refusals.Count == 0 ? "it has none; 'ssh-keygen -t ed25519' makes one, and its .pub file is a line of it" : read.Refusals[0];
            throw new SosException(SosError.Usage, $"{keysPath}: no key may log in: {why}");
        }

        if (read.Keys.Count > SshSettings.KeysMax)
        {
            throw new SosException(SosError.Usage, $"{keysPath} has {read.Keys.Count} keys, and a console takes {SshSettings.KeysMax}: leave some away");
        }

        AuthorizedKey[] keys = [.. read.Keys.Select(key => key.ToEntry())];
        parameters[SshSettings.KeysName] = Convert.ToHexStringLower(MemoryMarshal.AsBytes<AuthorizedKey>(keys));
        parameters[SshSettings.HostSeedName] = Convert.ToHexStringLower(hostKey.Seed);
        parameters[SshSettings.RandomName] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SshSettings.SeedSize));
    }

    /// <summary>Returns what a person should know of a file of keys: those that are not used, and why.</summary>
    public static IReadOnlyList<string> Notes(string keysPath)
        => [.. ReadKeys(keysPath).Refusals.Select(refusal => $"{keysPath}: {refusal}")];

    /// <summary>Reads the host's key.</summary>
    /// <exception cref="SosException">There is none, or others may read it.</exception>
    public static HostKey ReadHostKey(string path)
    {
        try
        {
            return HostKey.Load(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file; 'sosctl console key {path}' makes the host's key", e);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new SosException(SosError.Usage, e is FormatException ? e.Message : $"{path} cannot be read: {e.Message}", e);
        }
    }

    // Whoever writes the file decides who logs in (sshd's StrictModes).
    private static AuthorizedKeysResult ReadKeys(string path)
    {
        try
        {
            FileInfo file = new(path);
            if (!OperatingSystem.IsWindows() && (file.UnixFileMode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0 && file.Exists)
            {
                throw new SosException(SosError.Usage, $"{path} can be written by others than its owner: 'chmod go-w {path}'");
            }

            return file is { Exists: true, Length: > FileSizeMax }
                ? throw new SosException(SosError.Usage, $"{path} is too long for a file of keys")
                : AuthorizedKeysFile.Parse(File.ReadAllText(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SosException(
                SosError.NotFound, $"{path}: there is no such file; it has the public keys that may log in, a line each, as in ~/.ssh/authorized_keys", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SosException(SosError.Usage, $"{path} cannot be read: {e.Message}", e);
        }
    }
}
