using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;
using Sos.Cores.Network;
using Sos.Router.Control;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>BIRD, unchanged, gives Linux thousands of routes and changes them; the core's table follows without a gap.</summary>
public sealed class BirdTests : IDisposable
{
    private const int Routes4 = 10_000;
    private const int Routes6 = 2_000;

    private static readonly IReadOnlyList<IReadOnlyList<string>> Ports = [["p0"], ["p1"]];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string _router = $"sos-rb{Environment.ProcessId}";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sos-bird");
    private Process? _bird;

    public BirdTests()
    {
        NetworkPlace.Run("ip", $"netns add {_router}");
        NetworkPlace.Run("ip", $"netns exec {_router} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        StringBuilder batch = new();
        for (int port = 0; port < 2; port++)
        {
            batch.Append($"link add p{port} type veth peer name q{port}\nlink set p{port} up\nlink set q{port} up\n")
                .Append($"address add 10.0.{port}.1/24 dev p{port}\naddress add fd00:{port}::1/64 dev p{port} nodad\n")
                .Append($"neigh add 10.0.{port}.2 lladdr 02:00:00:00:00:0{port} nud permanent dev p{port}\n")
                .Append($"neigh add fd00:{port}::2 lladdr 02:00:00:00:00:0{port} nud permanent dev p{port}\n");
        }

        NetworkPlace.Run("ip", $"-n {_router} -batch -", batch.ToString());
    }

    public void Dispose()
    {
        _bird?.Kill();
        _bird?.Dispose();
        NetworkPlace.Run("ip", $"netns del {_router}");
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void RoutesOfBirdAreFollowedThroughChangesAndItsDeath() => NetworkPlace.OnThreadOfItsOwn(() =>
    {
        using NetworkNamespace place = NetworkNamespace.TryEnter(NetworkPlace.Inode(_router))!;
        using TableMemory memory = new(RouterCapacity.Small with { Ipv6Lines = 1 << 15 });
        int gaps = 0;
        bool watches = false;
        using IDisposable core = memory.Run(() => gaps += Volatile.Read(ref watches) ? CountGaps(memory) : 0);
        using RouteFollower follower = new(memory.Table, Ports, new FollowerOptions(), _ => { });
        WriteConfiguration(0);
        StartBird();
        AwaitSame(follower, memory);
        Assert.True(follower.RouteCount > (Routes4 + Routes6) * 9 / 10);

        // From here on each of the routes that stay has a way at each moment.
        Volatile.Write(ref watches, true);
        for (int turn = 1; turn < 4; turn++)
        {
            WriteConfiguration(turn);
            NetworkPlace.Run("birdc", $"-s {_folder}/bird.ctl configure");
            AwaitSame(follower, memory, turn);
        }

        _bird!.Kill();
        _bird.WaitForExit();
        AwaitSame(follower, memory, 3);
        Volatile.Write(ref watches, false);
        Assert.Equal(0, gaps);

        // One that begins anew takes out of Linux what it does not know yet.
        WriteConfiguration(4);
        StartBird();
        AwaitSame(follower, memory, 4);
    });

    private static RouteAddress Network4(int index) => new(0x1400_0000u + ((uint)index << 8), false);

    private static RouteAddress Network6(int index) => new(((UInt128)0x2001_0db8 << 96) + ((UInt128)index << 80), true);

    // Two of three routes go back and forth between two gateways; of the rest some come and go.
    private static int? PortOf(int index, int turn) => index % 3 != 0 ? (index + turn) % 2 : (index + turn) % 4 == 0 ? (int?)null : 0;

    private static int CountGaps(TableMemory memory)
    {
        RouterTable table = memory.Table;
        int gaps = 0;
        for (int index = 1; index < 200; index += 3)
        {
            RouteAddress address6 = Network6(index);
            gaps += IsWay(memory, Ipv4Routes.Lookup(in table, (uint)Network4(index).Value + 9)) ? 0 : 1;
            gaps += IsWay(memory, Ipv6Routes.Lookup(in table, new((ulong)(address6.Value >> 64), 9))) ? 0 : 1;
        }

        return gaps;
    }

    private static unsafe bool IsWay(TableMemory memory, uint hop) => NextHop.KindOf(memory.Table.NextHops[hop].Action) == NextHopKind.Forward;

    private static void AwaitSame(RouteFollower follower, TableMemory memory, int turn = 0)
    {
        string? wrong = "";
        for (long start = Stopwatch.GetTimestamp(); wrong is not null && Stopwatch.GetElapsedTime(start) < Patience;)
        {
            follower.Turn(TimeSpan.FromMilliseconds(20));
            wrong = follower.IsSettled ? FindWrong(memory, turn) : wrong;
        }

        Assert.Null(wrong);
        using RouteVerifier verifier = new(new TableReader(memory.Table), Ports);
        Assert.Empty(verifier.Verify(100, new Random(turn)));
    }

    private static string? FindWrong(TableMemory memory, int turn)
    {
        TableReader reader = new(memory.Table);
        for (int index = 0; index < Routes4; index++)
        {
            foreach (RouteAddress network in index < Routes6 ? (RouteAddress[])[Network4(index), Network6(index)] : [Network4(index)])
            {
                LiveHop found = reader.Lookup(network);
                if (PortOf(index, turn) is { } port ? found.Kind != NextHopKind.Forward || found.Interface != port : found.Kind != NextHopKind.NoRoute)
                {
                    return $"turn {turn}, {Control.Linux.RouteBits.Text(network)}: {found}";
                }
            }
        }

        return null;
    }

    private void WriteConfiguration(int turn)
    {
        StringBuilder text = new();
        text.Append("log stderr { fatal };\nrouter id 10.0.0.1;\nprotocol device { }\n")
            .Append("protocol kernel { ipv4 { import none; export all; }; }\nprotocol kernel { ipv6 { import none; export all; }; }\n");
        foreach (bool isIpv6 in (bool[])[false, true])
        {
            text.Append(isIpv6 ? "protocol static { ipv6;\n" : "protocol static { ipv4;\n");
            for (int index = 0; index < (isIpv6 ? Routes6 : Routes4); index++)
            {
                if (PortOf(index, turn) is { } port)
                {
                    RouteAddress network = isIpv6 ? Network6(index) : Network4(index);
                    string gateway = isIpv6 ? $"fd00:{port}::2" : $"10.0.{port}.2";
                    text.Append($"route {Control.Linux.RouteBits.Text(network)}/{(isIpv6 ? 48 : 24)} via {gateway};\n");
                }
            }

            text.Append("}\n");
        }

        File.WriteAllText(Path.Combine(_folder.FullName, "bird.conf"), text.ToString());
    }

    private void StartBird()
    {
        _bird?.Dispose();
        _bird = Process.Start("ip", $"netns exec {_router} bird -f -c {_folder}/bird.conf -s {_folder}/bird.ctl -P {_folder}/bird.pid");
    }
}
