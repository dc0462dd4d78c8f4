using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Sos.Ssh.Keys;
using Xunit;

namespace Sos.Ssh.Tests;

/// <summary>Log-in, commands, shells, key renewal, signals and breaks with the clients that people have: OpenSSH, dropbear, PuTTY.</summary>
public sealed class ClientTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-ssh-").FullName;
    private readonly HostKey _hostKey = HostKey.Generate();
    private readonly HostKey _userKey = HostKey.Generate();

    public ClientTests() => _userKey.Save(Path("id"), "somebody@somewhere");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void OpenSshRunsCommandsAndTellsTheirStatus()
    {
        using LoopbackHost host = Start();
        Result echo = OpenSsh(host, ["echo hello world"]);
        Assert.True(echo.Status == 0, echo.Error);
        Assert.Equal("hello world\n", echo.OutputText);
        Assert.Equal(42, OpenSsh(host, ["status 42"]).Status);
        Assert.Equal(127, OpenSsh(host, ["nonsense"]).Status);
        Assert.True(SpinUntil(() => host.Ends.Count == 3));
        Assert.All(host.Ends, end => Assert.Equal(EndReason.ClientLeft, end.Reason));
        Assert.All(host.Ends, end => Assert.StartsWith("SSH-2.0-OpenSSH", end.Client, StringComparison.Ordinal));
    }

    [Fact]
    public void OpenSshNegotiatesStrictKeyExchangeAndTheRightAlgorithms()
    {
        using LoopbackHost host = Start();
        Result result = OpenSsh(host, ["-vv", "echo x"]);
        Assert.Contains("kex: host key algorithm: ssh-ed25519", result.Error, StringComparison.Ordinal);
        Assert.Contains("kex: server->client cipher: chacha20-poly1305@openssh.com", result.Error, StringComparison.Ordinal);
        Assert.Contains("server-sig-algs=<ssh-ed25519>", result.Error, StringComparison.Ordinal);
        Assert.Contains("kex-strict-s-v00@openssh.com", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenSshHasAShellWithATerminalAndBreaks()
    {
        using LoopbackHost host = Start();
        Result result = OpenSsh(host, ["-tt", "-e", "~"], "first\r~B\rsecond\rexit\r");
        Assert.Equal(7, result.Status);
        Assert.Contains("terminal ", result.OutputText, StringComparison.Ordinal);
        Assert.Contains("you said first", result.OutputText, StringComparison.Ordinal);
        Assert.Contains("you said second", result.OutputText, StringComparison.Ordinal);
        Assert.Contains(host.Events, each => each.Kind == SshEventKind.Break && each.Value > 0);
    }

    [Fact]
    public void OpenSshRenewsKeysBothWaysWhileDataFlows()
    {
        const int Size = 3_000_000;
        using LoopbackHost host = Start(SshLimits.Default with { RekeyBytes = 200_000 });
        foreach (string limit in new[] { "64K", "4G" })
        {
            Result flood = OpenSsh(host, ["-vv", "-o", $"RekeyLimit={limit}", $"flood {Size}"]);
            Assert.True(flood.Status == 0, flood.Error[^Math.Min(2000, flood.Error.Length)..]);
            Assert.Equal(Size, flood.Output.Length);
            Assert.True(flood.Output.Select((each, i) => each == (byte)(i % 251)).All(each => each));
            Assert.True(Count(flood.Error, "SSH2_MSG_NEWKEYS received") > 5, "no new keys");
        }

        byte[] input = Enumerable.Range(0, 500_000).Select(i => (byte)(i % 241)).ToArray();
        Result cat = OpenSsh(host, ["-o", "RekeyLimit=32K", "cat"], input);
        Assert.Equal(0, cat.Status);
        Assert.Equal(input, cat.Output);
    }

    [Fact]
    public void OpenSshHasSeveralSessionsInOneConnection()
    {
        using LoopbackHost host = Start();
        string control = Path("control");
        using Process master = Launch("ssh", [.. OpenSshOptions(host), "-M", "-S", control, "-N", Target]);
        Assert.True(SpinUntil(() => File.Exists(control) || master.HasExited) && !master.HasExited, "no master");
        Result[] results = new Result[3];
        Parallel.For(0, results.Length, i => results[i] = Run("ssh", ["-F", "none", "-S", control, Target, $"echo {i}"]));
        Assert.Equal(["0\n", "1\n", "2\n"], results.Select(result => result.OutputText));
        Run("ssh", ["-F", "none", "-S", control, "-O", "exit", Target]);
        Assert.True(master.WaitForExit(60_000));
        Assert.True(SpinUntil(() => host.Ends.Count == 1), $"{host.Ends.Count} connections");
    }

    [Fact]
    public void OpenSshIsRefusedWithAnotherKeyOrUserOrHostKey()
    {
        using LoopbackHost host = Start();
        HostKey.Generate().Save(Path("stranger"), "stranger");
        Assert.Contains("Permission denied (publickey)", OpenSsh(host, ["echo x"], key: "stranger").Error, StringComparison.Ordinal);
        Result root = Run("ssh", [.. OpenSshOptions(host), "root@127.0.0.1", "echo x"]);
        Assert.Contains("Permission denied (publickey)", root.Error, StringComparison.Ordinal);
        File.WriteAllText(Path("known"), HostKey.Generate().PublicKey.ToKnownHostsLine("127.0.0.1", host.Port) + "\n");
        Result changed = Run("ssh", [.. OpenSshOptions(host, keepKnown: true), Target, "echo x"]);
        Assert.Contains("HOST IDENTIFICATION HAS CHANGED", changed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenSshForwardsNothing()
    {
        using LoopbackHost host = Start();
        Result result = OpenSsh(host, ["-W", "127.0.0.1:1"]);
        Assert.NotEqual(0, result.Status);
        Assert.Contains("administratively prohibited", result.Error, StringComparison.Ordinal);
        Assert.Equal(0, OpenSsh(host, ["-A", "-X", "-o", "SendEnv=LANG", "-o", "ServerAliveInterval=1", "echo x"]).Status);
    }

    [Fact]
    public void AHundredLogInsLeaveNothingBehind()
    {
        const int LogIns = 100;
        using LoopbackHost host = Start(SshLimits.Default with { ComputationsPerSecond = 10_000, ComputationsBurst = 10_000 });
        Parallel.For(
            0,
            LogIns,
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            i => Assert.Equal($"{i}\n", OpenSsh(host, [$"echo {i}"], known: $"known{i}").OutputText));
        Assert.True(SpinUntil(() => host.Ends.Count == LogIns));
        Assert.All(host.Ends, end => Assert.Equal(EndReason.ClientLeft, end.Reason));
    }

    [Fact]
    public void DropbearRunsCommandsAndRenewsKeys()
    {
        const int Size = 2_000_000;
        using LoopbackHost host = Start(SshLimits.Default with { RekeyBytes = 300_000 });
        Result convert = Run("dropbearconvert", ["openssh", "dropbear", Path("id"), Path("id.dropbear")]);
        Assert.True(File.Exists(Path("id.dropbear")), convert.Error);
        string[] options = ["-i", Path("id.dropbear"), "-y", "-y", "-p", $"{host.Port}", Target];
        Result echo = Run("dbclient", [.. options, "echo dropbear"]);
        Assert.True(echo.Status == 0, echo.Error);
        Assert.Equal("dropbear\n", echo.OutputText);
        Assert.Equal(42, Run("dbclient", [.. options, "status 42"]).Status);
        Result flood = Run("dbclient", [.. options, $"flood {Size}"]);
        Assert.Equal(Size, flood.Output.Length);
        Assert.True(flood.Output.Select((each, i) => each == (byte)(i % 251)).All(each => each));
    }

    [Fact]
    public void PuttyRunsCommands()
    {
        const int Size = 500_000;
        using LoopbackHost host = Start(SshLimits.Default with { RekeyBytes = 100_000 });
        Result convert = Run("puttygen", [Path("id"), "-o", Path("id.ppk"), "-O", "private"]);
        Assert.True(File.Exists(Path("id.ppk")), convert.Error);
        string[] options = ["-ssh", "-batch", "-i", Path("id.ppk"), "-hostkey", _hostKey.PublicKey.Fingerprint, "-P", $"{host.Port}", Target];
        Result echo = Run("plink", [.. options, "echo putty"]);
        Assert.True(echo.Status == 0, echo.Error);
        Assert.Equal("putty\n", echo.OutputText);
        Assert.Equal(42, Run("plink", [.. options, "status 42"]).Status);
        Result flood = Run("plink", [.. options, $"flood {Size}"]);
        Assert.Equal(Size, flood.Output.Length);
    }

    [Fact]
    public void SshKeygenReadsTheHostsKeyAndAgreesOnTheFingerprint()
    {
        _hostKey.Save(Path("host"), "console");
        Result publicKey = Run("ssh-keygen", ["-y", "-f", Path("host")]);
        Assert.StartsWith(_hostKey.PublicKey.ToString(), publicKey.OutputText, StringComparison.Ordinal);
        File.WriteAllText(Path("host.pub"), publicKey.OutputText);
        Assert.Contains(_hostKey.PublicKey.Fingerprint, Run("ssh-keygen", ["-l", "-f", Path("host.pub")]).OutputText, StringComparison.Ordinal);
        Run("ssh-keygen", ["-t", "ed25519", "-N", "", "-f", Path("theirs")]);
        Assert.StartsWith(HostKey.Load(Path("theirs")).PublicKey.ToString(), File.ReadAllText(Path("theirs.pub")), StringComparison.Ordinal);
    }

    private const string Target = "console@127.0.0.1";

    private LoopbackHost Start(SshLimits? limits = null)
        => new(_hostKey, [.. AuthorizedKeysFile.Parse($"{_userKey.PublicKey} somebody").Keys.Select(key => key.ToEntry())], limits);

    private string Path(string name) => System.IO.Path.Combine(_folder, name);

    private string[] OpenSshOptions(LoopbackHost host, string key = "id", string known = "known", bool keepKnown = false)
    {
        if (!keepKnown)
        {
            File.WriteAllText(Path(known), _hostKey.PublicKey.ToKnownHostsLine("127.0.0.1", host.Port) + "\n");
        }

        return
        [
            "-F", "none", "-p", $"{host.Port}", "-i", Path(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
            "-o", $"UserKnownHostsFile={Path(known)}", "-o", "GlobalKnownHostsFile=none",
        ];
    }

    // The command is the last of the arguments, and the target stands in front of it.
    private Result OpenSsh(LoopbackHost host, string[] arguments, byte[] input, string key = "id", string known = "known")
    {
        bool hasCommand = arguments[^1].Contains(' ', StringComparison.Ordinal) || arguments[^1] is "cat" or "nonsense";
        string[] options = hasCommand ? arguments[..^1] : arguments;
        string[] command = hasCommand ? [arguments[^1]] : [];
        return Run("ssh", [.. OpenSshOptions(host, key, known), .. options, Target, .. command], input);
    }

    private Result OpenSsh(LoopbackHost host, string[] arguments, string input = "", string key = "id", string known = "known")
        => OpenSsh(host, arguments, Encoding.ASCII.GetBytes(input), key, known);

    private static Process Launch(string program, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("SSH_AUTH_SOCK");
        start.Environment.Remove("DISPLAY");
        return Process.Start(start)!;
    }

    private static Result Run(string program, string[] arguments, byte[]? input = null)
    {
        using Process process = Launch(program, arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task writing = Task.Run(() =>
        {
            try
            {
                process.StandardInput.BaseStream.Write(input ?? []);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // The program ended before it had read all.
            }
        });
        using MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        writing.Wait();
        return new(process.ExitCode, output.ToArray(), error.Result);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static bool SpinUntil(Func<bool> condition) => System.Threading.SpinWait.SpinUntil(condition, TimeSpan.FromMinutes(2));

    private sealed record Result(int Status, byte[] Output, string Error)
    {
        public string OutputText => Encoding.UTF8.GetString(Output);
    }
}
