using System;
using System.IO;
using Sos.Bench.Contenders;
using Sos.Bench.Workloads;
using Xunit;

namespace Sos.Bench.Tests;

/// <summary>A peer that takes too long is ended and left out; the run goes on.</summary>
public sealed class PeerLimitTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private readonly Workload _workload = PrefixWorkload.Make(10, hostsOnly: true, 1 << 10);

    public void Dispose() => _workload.Dispose();

    [Fact]
    public void APeerThatNeverGetsReadyIsEnded()
    {
        string started = _workload.PathOf("started");
        PeerTooSlowException slow = Assert.Throws<PeerTooSlowException>(
            () => Start($"echo $$ > {started}; exec sleep 100000", TimeSpan.FromMilliseconds(300)));

        Assert.Contains("slow was left out", slow.Message, StringComparison.Ordinal);
        Assert.Contains("0 s", slow.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(started) && Directory.Exists($"/proc/{File.ReadAllText(started).Trim()}"), "it still runs");
    }

    [Fact]
    public void APeerThatNeverAnswersIsEnded()
    {
        using PeerProcess peer = Start("echo ready; exec sleep 100000", TimeSpan.FromSeconds(20));
        Assert.Throws<PeerTooSlowException>(() => peer.Run(1, 1));
    }

    [Fact]
    public void APeerThatTalksFirstGetsReadyInTime()
    {
        using PeerProcess peer = Start("echo EAL: starts; echo ready; while read command; do echo 64.0; done", Long);
        Assert.Equal(1.0, peer.Run(64, 64));
    }

    [Fact]
    public void APeerThatEndsSaysWhy()
        => Assert.Contains("no card", Assert.Throws<BenchException>(() => Start("echo no card >&2; exit 3", Long)).Message, StringComparison.Ordinal);

    private PeerProcess Start(string script, TimeSpan limit)
        => new("slow", _workload, new Placement(), ["sh", "-c", script], "f", limit);
}
