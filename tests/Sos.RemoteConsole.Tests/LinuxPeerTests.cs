using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Sos.Sdk.Control;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>The console talks to Linux: its ARP, its neighbour discovery, its TCP.</summary>
public sealed class LinuxPeerTests
{
    private const string LogIn = LinuxPeer.Password + "\\r";

    [Theory]
    [InlineData(LinuxPeer.Address)]
    [InlineData(LinuxPeer.Address6)]
    public void AVisitorLogsInLooksAroundAndLeaves(string address)
    {
        using LinuxPeer peer = new();
        peer.AwaitPing(address);
        string shown = peer.Talk(LogIn + "help\\rstatus\\rwho\\rservice\\rlog\\rversion\\ruptime\\rnonsense\\rexit\\r", address);
        Assert.Contains("not encrypted", shown, StringComparison.Ordinal);
        Assert.DoesNotContain(LinuxPeer.Password, shown, StringComparison.Ordinal);
        string[] expected =
        [
            "these commands", "linux             not known", "logins            1", "telnet", "console.received", "console: telnet logged in from ",
            $"abi               {ServiceControl.AbiVersion}", "there is no such command",
        ];
        Assert.All(expected, part => Assert.Contains(part, shown, StringComparison.Ordinal));
        Assert.Contains(address == LinuxPeer.Address ? "10.77.9.1:" : "[fd00:77:9::1]:", shown, StringComparison.Ordinal);
        Assert.Equal(1ul, peer.Counter("console.logins"));
    }

    /// <summary>The class, which is polled on, and the image, which has one pass after the request.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AConsoleThatIsStoppedResetsItsConnections(bool isNative)
    {
        using LinuxPeer peer = new(make: isNative ? parameters => new NativeConsole(parameters) : null);
        peer.AwaitPing();
        Task<string> talk = Task.Run(() => peer.Talk(""));
        for (Stopwatch waited = Stopwatch.StartNew(); peer.Counter("console.connections") == 0; Thread.Sleep(1))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(1), "no connection");
        }

        peer.StopConsole();
        Assert.Contains("reset by peer", await talk, StringComparison.Ordinal);
    }

    [Fact]
    public void AWrongPasswordIsAskedForThreeTimes()
    {
        using LinuxPeer peer = new();
        peer.AwaitPing();
        string shown = peer.Talk("wrong one\\rwrong two\\rwrong three\\r");
        Assert.Equal(3, shown.Split("That is not it.").Length - 1);
        Assert.DoesNotContain("sos>", shown, StringComparison.Ordinal);
        Assert.Equal(3ul, peer.Counter("console.logins_failed"));
    }

    [Fact]
    public void AttemptsHaveARate()
    {
        using LinuxPeer peer = new();
        peer.AwaitPing();
        string[] all = [.. Enumerable.Range(0, 2).AsParallel().WithDegreeOfParallelism(2).Select(_ => peer.Talk("a\\rb\\rc\\r"))];
        Assert.All(all, shown => Assert.Equal(3, shown.Split("That is not it.").Length - 1));

        // Five at once, and then one in two seconds: the sixth had to wait, and so has the next.
        Assert.Contains("sos>", peer.Talk(LogIn + "exit\\r"), StringComparison.Ordinal);
    }

    [Fact]
    public void ALossyCableIsBorne()
    {
        using LinuxPeer peer = new();
        peer.AwaitPing();
        peer.LossPercent = 5;
        string commands = string.Concat(Enumerable.Repeat("service\\rlog\\r", 30));
        string shown = peer.Talk(LogIn + commands + "exit\\r");
        Assert.Equal(30, shown.Split("console.received ").Length - 1);
    }

    [Fact]
    public void AFloodOfSynsDoesNotKeepAVisitorOut()
    {
        using LinuxPeer peer = new();
        peer.AwaitPing();
        Random random = new(7);
        for (int i = 0; i < 20_000; i++)
        {
            peer.Inject(Syn(random));
        }

        string shown = peer.Talk(LogIn + "status\\rexit\\r");
        Assert.Contains("logins            1", shown, StringComparison.Ordinal);
        Assert.True(peer.Counter("console.syn_cookies") > 0);
    }

    [Fact]
    public void OnlyTheListedAreAnswered()
    {
        using LinuxPeer peer = new("allow=fd000077000900000000000000000000/64");
        peer.AwaitPing(LinuxPeer.Address6);
        Assert.NotEqual(0, peer.AtPeer($"ping -c 1 -W 1 {LinuxPeer.Address}").ExitCode);
        Assert.NotEqual(0, peer.AtPeer($"timeout 2 bash -c 'exec 3<>/dev/tcp/{LinuxPeer.Address}/23'").ExitCode);
        Assert.Contains("sos>", peer.Talk(LogIn + "exit\\r", LinuxPeer.Address6), StringComparison.Ordinal);
    }

    internal static byte[] Syn(Random random, ushort port = 23)
    {
        byte[] frame = new byte[60];
        new EthernetHeader
        {
            Destination = new MacAddress(0x02_00_00_00_00_01),
            Source = new MacAddress(0x02_00_00_00_00_55),
            Type = EtherType.Ipv4,
        }.Write(frame);
        uint source = 0x0b00_0000 | (uint)random.Next(1 << 24);
        const uint Destination = 0x0a4d_0909;
        new Ipv4Header { HeaderLength = 20, TotalLength = 40, TimeToLive = 64, Protocol = IpProtocol.Tcp, Source = source, Destination = Destination }
            .Write(frame.AsSpan(14));
        Span<byte> segment = frame.AsSpan(34, 20);
        new TcpHeader
        {
            SourcePort = (ushort)random.Next(1, 65536),
            DestinationPort = port,
            Sequence = (uint)random.Next(),
            HeaderLength = 20,
            Flags = TcpFlags.Syn,
            Window = 1000,
        }.Write(segment);
        ushort sum = InternetChecksum.PseudoHeader(source, Destination, IpProtocol.Tcp, 20);
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], InternetChecksum.Compute(segment, sum));
        return frame;
    }
}
