using System;
using System.Diagnostics;
using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace Sos.RemoteConsole.Tests;

/// <summary>
/// Log-ins of OpenSSH's client in a row, into the console's image as it runs on a core: none is refused, and nothing is left of them.
/// <c>make torture-console</c> makes them many.
/// </summary>
public sealed class EnduranceTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>More than there are places for connections, half-open ones and shells together.</summary>
    private const int LogInsBounded = 60;

    private readonly SshVisitor _visitor = new();

    public void Dispose() => _visitor.Dispose();

    [Fact]
    public void LogInsInARowLeaveNothingBehind()
    {
        string wanted = Environment.GetEnvironmentVariable("SOS_CONSOLE_LOGINS") ?? "";
        bool isLong = wanted.Length > 0;
        int count = isLong ? int.Parse(wanted, CultureInfo.InvariantCulture) : LogInsBounded;
        using LinuxPeer peer = new(_visitor.Parameters(), parameters => new NativeConsole(parameters));
        peer.AwaitPing();
        string line = $"{_visitor.Ssh(LinuxPeer.Address)} version";
        Stopwatch watch = Stopwatch.StartNew();
        (int status, string shown) = peer.AtPeer(
            $"for i in $(seq {count}); do said=$({line} 2>&1) || {{ echo \"log-in $i ends with $?: $said\"; exit 1; }}; done");
        output.WriteLine($"{count} log-ins in {watch.Elapsed.TotalSeconds:F0} s");
        Assert.True(status == 0, shown);
        Assert.Equal((ulong)count, peer.Counter("console.logins"));
        Assert.Equal(0ul, peer.Counter("console.logins_failed"));
        Assert.Equal((ulong)count, peer.Counter("console.connections_opened"));
        Assert.Equal(0ul, peer.Counter("console.connections_crowded"));
        Assert.Equal(0ul, peer.Counter("console.lost"));

        // The last ones wait for segments that are late, a minute at most; more than there are places were there before.
        for (watch.Restart(); isLong && peer.Counter("console.connections") != 0;)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(5), $"{peer.Counter("console.connections")} connections are left");
        }
    }
}
