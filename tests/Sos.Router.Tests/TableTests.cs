using System;
using System.Linq;
using System.Threading;
using Sos.Router.Routes;
using Sos.Router.Tables;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The table against the longest prefix by trying all lengths, and read while it is written.</summary>
public sealed unsafe class TableTests
{
    // A thread that plays the core may be kept waiting by all others.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void RandomChangesLeadWhereTheLongestPrefixDoes(int seed)
    {
        using TableMemory memory = new(RouterCapacity.Small with { Ipv6Lines = 1 << 17, NextHops = 1 << 13, Members = 1 << 13 });
        using RouterTableWriter writer = new(memory.Table, Patience);
        using IDisposable core = memory.Run(() => { });
        Random random = new(seed);
        NaiveRoutes naive = new();
        for (int step = 0; step < 3000; step++)
        {
            if (step == 800)
            {
                writer.Publish();
            }

            Change(random, writer, naive);
            if (step % 16 == 0)
            {
                writer.Commit();
                memory.BeginPass();
            }

            if (step % 100 == 0 && writer.IsPublished)
            {
                writer.Commit();
                Compare(random, memory, writer, naive);
            }
        }

        foreach ((UInt128 prefix, int length, bool isIpv6) in naive.Keys.ToArray())
        {
            Assert.True(writer.RemoveRoute(new(prefix, isIpv6), length));
            naive.Remove(new(prefix, isIpv6), length);
        }

        writer.Commit();
        Compare(random, memory, writer, naive);
        memory.BeginPass();
        writer.Commit();
        Assert.Equal((0, 0, 0), (writer.RouteCount, writer.NextHopCount, writer.RetiredCount));
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory.Table.LineOrders, (int)memory.Table.LineCount).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory.Table.GroupsTaken, (int)memory.Table.GroupCount).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory.Table.NextHopsTaken, (int)memory.Table.NextHopCount).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory.Table.MembersTaken, (int)memory.Table.MemberCount).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void AnotherWriterTakesOverWithoutAGap()
    {
        using TableMemory memory = new(RouterCapacity.Small with { Ipv6Lines = 1 << 17, NextHops = 1 << 13, Members = 1 << 13 });
        Random random = new(11);
        NaiveRoutes naive = new();
        using (RouterTableWriter first = new(memory.Table))
        {
            for (int step = 0; step < 1000; step++)
            {
                Change(random, first, naive);
            }

            first.SetNeighbour(0, new(0x0a000001, false), 0x0200_0000_0001);
            first.Publish();
        }

        using RouterTableWriter second = new(memory.Table);
        Assert.Equal(0, second.RouteCount);
        NaiveRoutes other = new();
        for (int step = 0; step < 1000; step++)
        {
            Change(random, second, other);
        }

        // The core still has all that was written before.
        foreach ((UInt128 prefix, int length, bool isIpv6) in naive.Keys)
        {
            uint number = Number(memory, new(prefix, isIpv6));
            Assert.Equal(naive.Lookup(new(prefix, isIpv6))?.Kind ?? NextHopKind.NoRoute, KindOf(memory, number));
        }

        second.Publish();
        memory.BeginPass();
        second.Commit();
        Compare(random, memory, second, other);
        Assert.Equal(0, second.RetiredCount);
        Assert.Equal(0, second.NeighbourCount);
        Assert.Equal(
            second.NextHopCount, new ReadOnlySpan<byte>(memory.Table.NextHopsTaken, (int)memory.Table.NextHopCount).Count((byte)1));
    }

    [Fact]
    public void WhileATableIsTakenOverEachAddressGoesItsOldOrItsNewWay()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        RouteAddress[] covering = [.. Enumerable.Range(0, 64).Select(index => new RouteAddress(((UInt128)0x2001_0000 + ((UInt128)index << 10)) << 96, true))];
        HopSpecification connected = new(NextHopKind.Connected);
        HopSpecification blackhole = new(NextHopKind.Blackhole);

        // Now the long prefixes are the way, now the short ones, and what is left of them is a trap.
        void Write(int turn)
        {
            using RouterTableWriter writer = new(memory.Table, Patience);
            foreach (RouteAddress prefix in covering)
            {
                writer.SetRoute(prefix, 22, turn % 2 == 0 ? connected with { Interface = turn } : blackhole);
                if (turn % 2 != 0)
                {
                    writer.SetRoute(prefix, 48, connected with { Interface = turn });
                }
                else if (turn % 4 == 0)
                {
                    writer.SetRoute(NaiveRoutes.Cut(new(prefix.Value + ((UInt128)1 << 64), true), 64), 64, blackhole);
                }
            }

            writer.Publish();
        }

        int wrong = 0;
        bool watches = false;
        using (memory.Run(() =>
        {
            Ipv6Address[] addresses = [.. covering.Select(prefix => new Ipv6Address((ulong)(prefix.Value >> 64), 1))];
            uint[] found = new uint[addresses.Length];
            RouterTable table = memory.Table;
            Ipv6Routes.Lookup(in table, addresses, found, new uint[addresses.Length]);
            wrong += Volatile.Read(ref watches) ? found.Count(number => KindOf(memory, number) != NextHopKind.Connected) : 0;
        }))
        {
            Write(0);
            for (int turn = 1; turn < 13; turn++)
            {
                // The pass in which this is seen first may have begun before there was a table.
                Volatile.Write(ref watches, turn > 1);
                Write(turn);
            }
        }

        Assert.Equal(0, wrong);
    }

    [Fact]
    public void ATakeOverWithoutRoomLeavesIpv6ToLinuxUntilItIsDone()
    {
        using TableMemory memory = new(RouterCapacity.Small with { Ipv6Lines = 16 });
        HopSpecification way = new(NextHopKind.Connected);
        for (int turn = 0; turn < 2; turn++)
        {
            using RouterTableWriter writer = new(memory.Table, Patience);
            for (uint i = 0; i < 4; i++)
            {
                UInt128 prefix = ((UInt128)0x2001_0000 + ((UInt128)i << 10)) << 96;
                writer.SetRoute(new(prefix, true), 22, way with { Interface = turn });
                writer.SetRoute(new(prefix, true), 48, way with { Interface = 2 + turn });
            }

            using (memory.Run(() => { }))
            {
                writer.Publish();
                while (writer.RetiredCount > 0)
                {
                    writer.Commit();
                }
            }

            Assert.Equal(turn == 0 ? RouterState.None : RouterState.Ipv4, memory.Table.Header->State);
            Assert.Equal(way with { Interface = 2 + turn }, writer.Lookup(new((UInt128)0x2001_0000 << 96, true)));
            Assert.Equal(way with { Interface = turn }, writer.Lookup(new(((UInt128)0x2001_0000 << 96) + ((UInt128)1 << 100), true)));
            writer.SetState(RouterState.Ipv4 | RouterState.Ipv6);
        }
    }

    [Fact]
    public void AShortIpv6PrefixThatGoesTakesNothingWithItThatALongOneHasTakenOver()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        using RouterTableWriter writer = new(memory.Table);
        RouteAddress address = new(((UInt128)0x2001_0db8 << 96) + 1, true);
        HopSpecification way = new(NextHopKind.Connected);
        writer.SetRoute(new(0, true), 0, new HopSpecification(NextHopKind.Blackhole));
        writer.SetRoute(NaiveRoutes.Cut(address, 20), 20, way);
        writer.Publish();
        writer.SetRoute(NaiveRoutes.Cut(address, 48), 48, way with { Interface = 1 });
        writer.RemoveRoute(NaiveRoutes.Cut(address, 20), 20);
        Assert.Equal(way with { Interface = 1 }, writer.Lookup(address));
        writer.SetRoute(NaiveRoutes.Cut(address, 20), 20, way with { Interface = 2 });
        writer.RemoveRoute(NaiveRoutes.Cut(address, 48), 48);
        writer.Commit();
        Assert.Equal(way with { Interface = 2 }, writer.Lookup(address));
        writer.SetRoute(NaiveRoutes.Cut(address, 64), 64, way with { Interface = 3 });
        writer.SetRoute(NaiveRoutes.Cut(address, 22), 22, new HopSpecification(NextHopKind.Blackhole));
        Assert.Equal(way with { Interface = 3 }, writer.Lookup(address));
    }

    [Fact]
    public void AReaderSeesTheOldOrTheNewWayAndNothingElse()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        using RouterTableWriter writer = new(memory.Table, Patience);
        HopSpecification[] ways = [.. Enumerable.Range(1, 2).Select(index => new HopSpecification(NextHopKind.Connected) { Interface = index })];
        RouteAddress covering4 = new(0x0a000000, false);
        RouteAddress covering6 = new((UInt128)0x2001_0db8 << 96, true);
        writer.SetRoute(covering4, 8, ways[0]);
        writer.SetRoute(covering6, 32, ways[0]);
        writer.Publish();

        bool ends = false;
        int wrong = 0;
        long passes = 0;
        Thread reader = new(() =>
        {
            uint[] addresses4 = [.. Enumerable.Range(0, 64).Select(index => 0x0a010200u + (uint)(index * 5))];
            Ipv6Address[] addresses6 = [.. Enumerable.Range(0, 64).Select(
                index => new Ipv6Address(0x2001_0db8_0000_0000UL + (ulong)index, (ulong)index << 60))];
            uint[] found = new uint[64];
            uint[] scratch = new uint[64];
            while (!Volatile.Read(ref ends))
            {
                memory.BeginPass();
                RouterTable table = memory.Table;
                Ipv4Routes.Lookup(in table, addresses4, found);
                wrong += found.Count(number => KindOf(memory, number) != NextHopKind.Connected);
                Ipv6Routes.Lookup(in table, addresses6, found, scratch);
                wrong += found.Count(number => KindOf(memory, number) != NextHopKind.Connected);
                Volatile.Write(ref passes, passes + 1);
            }
        });
        reader.Start();
        Random random = new(5);
        try
        {
            for (int step = 0; step < 4000 || Volatile.Read(ref passes) < 500; step++)
            {
                // Only what is covered changes: whatever happens, there is a way.
                RouteAddress more4 = NaiveRoutes.Cut(new(0x0a010200u + (uint)random.Next(512), false), random.Next(16, 33));
                RouteAddress more6 = NaiveRoutes.Cut(new(covering6.Value + ((UInt128)random.Next(64) << 64) + ((UInt128)random.Next(16) << 60), true), 68);
                int length4 = 32 - System.Numerics.BitOperations.TrailingZeroCount((uint)more4.Value);
                if (random.Next(2) == 0)
                {
                    writer.SetRoute(more4, Math.Max(length4, 9), ways[random.Next(2)]);
                    writer.SetRoute(more6, 68, ways[random.Next(2)]);
                }
                else
                {
                    writer.RemoveRoute(more4, Math.Max(length4, 9));
                    writer.RemoveRoute(more6, 68);
                }

                writer.Commit();
            }
        }
        finally
        {
            Volatile.Write(ref ends, true);
            reader.Join();
        }

        Assert.Equal(0, wrong);
    }

    [Fact]
    public void AFullTableKeepsWhatItHadAndNamesWhatToGive()
    {
        RouterCapacity capacity = RouterCapacity.Small with { Ipv4Groups = 2, Ipv6Lines = 16, NextHops = 16 };
        using TableMemory memory = new(capacity);
        using RouterTableWriter writer = new(memory.Table);
        writer.Publish();
        HopSpecification way = new(NextHopKind.Connected) { Interface = 1 };
        for (uint i = 0; i < 2; i++)
        {
            writer.SetRoute(new(0x0a000000 + (i << 8), false), 32, way);
        }

        TableFullException full = Assert.Throws<TableFullException>(() => writer.SetRoute(new(0x0a000200, false), 32, way));
        Assert.Equal("ipv4-groups", full.Part);
        Assert.Equal(2, writer.RouteCount);
        Assert.Equal(way, writer.Lookup(new(0x0a000100, false)));
        Assert.Null(writer.Lookup(new(0x0a000200, false)));

        for (int port = 2; port < 16; port++)
        {
            writer.SetRoute(new((UInt128)port << 24, false), 8, way with { Interface = port });
        }

        full = Assert.Throws<TableFullException>(() => writer.SetRoute(new(0x7f000000, false), 8, way with { Interface = 77 }));
        Assert.Equal("next-hops", full.Part);

        for (uint i = 0; i < 8; i++)
        {
            writer.SetRoute(new((UInt128)(0x2000_0000_0000_0000 + ((ulong)i << 44)) << 64, true), 48, way);
        }

        writer.Commit();
        writer.SetRoute(new((UInt128)0x3000_0000_0000_0000 << 64, true), 48, way);
        full = Assert.Throws<TableFullException>(writer.Commit);
        Assert.Equal("ipv6-lines", full.Part);
        Assert.Equal(way, writer.Lookup(new((UInt128)0x2000_7000_0000_0001 << 64, true)));
    }

    [Fact]
    public void ANeighbourThatComesAndGoesTakesItsGatewaysAlong()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        using RouterTableWriter writer = new(memory.Table);
        RouteAddress gateway = new(0x0a000001, false);
        writer.SetRoute(new(0, false), 0, new HopSpecification(NextHopKind.Forward) { Interface = 1, Gateway = gateway });
        writer.Publish();
        uint number = Number(memory, new(0x01020304, false));
        Assert.Equal(NextHopKind.Linux, KindOf(memory, number));
        writer.SetNeighbour(1, gateway, 0x0200_0000_00aa);
        Assert.Equal(NextHop.ToAction(NextHopKind.Forward, 1, 0x0200_0000_00aa), memory.Table.NextHops[number].Action);
        writer.SetNeighbour(0, gateway, 0x0200_0000_00bb);
        Assert.Equal(NextHop.ToAction(NextHopKind.Forward, 1, 0x0200_0000_00aa), memory.Table.NextHops[number].Action);
        memory.Table.NextHopsUsed[number] = 1;
        Assert.Equal([(1, gateway)], writer.TakeUsedNeighbours());
        Assert.Empty(writer.TakeUsedNeighbours());
        writer.SetNeighbour(1, gateway, null);
        Assert.Equal(NextHopKind.Linux, KindOf(memory, number));
    }

    [Fact]
    public void NeighboursThatComeAndGoForEverFindAPlace()
    {
        using TableMemory memory = new(RouterCapacity.Small);
        using RouterTableWriter writer = new(memory.Table);
        writer.Publish();
        for (uint i = 0; i < 20_000; i++)
        {
            writer.SetNeighbour((int)(i & 1), new(i, false), i);
            if (i >= 100)
            {
                writer.SetNeighbour((int)(i & 1), new(i - 100, false), null);
            }

            writer.Commit();
            memory.BeginPass();
        }

        Assert.Equal(100, writer.NeighbourCount);
    }

    private static void Change(Random random, RouterTableWriter writer, NaiveRoutes naive)
    {
        (RouteAddress prefix, int length) = RandomPrefix(random);
        if (random.Next(3) == 0 && naive.Keys.Count > 0)
        {
            if (random.Next(2) == 0)
            {
                (UInt128 value, length, bool isIpv6) = naive.Keys.ElementAt(random.Next(naive.Keys.Count));
                prefix = new(value, isIpv6);
            }

            Assert.Equal(naive.Remove(prefix, length), writer.RemoveRoute(prefix, length));
            return;
        }

        HopSpecification hop = RandomHop(random);
        writer.SetRoute(prefix, length, hop);
        naive[prefix, length] = hop;
    }

    private static HopSpecification RandomHop(Random random)
    {
        HopSpecification Simple() => new(NextHopKind.Connected) { Interface = random.Next(8), Mtu = (uint)random.Next(1280, 1284) };
        return random.Next(8) == 0
            ? new HopSpecification(NextHopKind.Group)
            {
                Members = [.. Enumerable.Range(0, random.Next(2, 6)).Select(_ => new HopMember(Simple(), random.Next(1, 9)))],
            }
            : random.Next(8) == 0 ? new HopSpecification(NextHopKind.Blackhole) : Simple();
    }

    // Crowded, so that prefixes cover each other.
    private static (RouteAddress Prefix, int Length) RandomPrefix(Random random)
    {
        bool isIpv6 = random.Next(2) == 0;
        int length = isIpv6
            ? new[] { random.Next(0, 129), random.Next(15, 65), 22, 23, 48, 52, 53, 64, 82, 83, 112, 113, 128 }[random.Next(13)]
            : new[] { random.Next(0, 33), random.Next(20, 33), 23, 24, 25, 32 }[random.Next(6)];
        return (NaiveRoutes.Cut(RandomAddress(random, isIpv6), length), length);
    }

    private static RouteAddress RandomAddress(Random random, bool isIpv6)
    {
        if (!isIpv6)
        {
            return new(0x0a00_0000u | (uint)(random.Next(8) << 21) | (uint)random.Next(16) << 8 | (uint)random.Next(16) << random.Next(5), false);
        }

        UInt128 value = (UInt128)0x2001_0db8 << 96;
        foreach (int shift in new[] { 105, 90, 80, 75, 64, 46, 40, 16, 8, 0 })
        {
            value ^= (UInt128)random.Next(4) << shift;
        }

        return new(value, true);
    }

    private static void Compare(Random random, TableMemory memory, RouterTableWriter writer, NaiveRoutes naive)
    {
        RouterTable table = memory.Table;
        for (int burst = 0; burst < 20; burst++)
        {
            RouteAddress[] wanted = [.. Enumerable.Range(0, 64).Select(_ => Near(random, naive, burst % 2 == 0))];
            uint[] found = new uint[wanted.Length];
            uint[] scratch = new uint[wanted.Length];
            if (burst % 2 == 0)
            {
                Ipv6Routes.Lookup(in table, [.. wanted.Select(address => new Ipv6Address((ulong)(address.Value >> 64), (ulong)address.Value))], found, scratch);
            }
            else
            {
                Ipv4Routes.Lookup(in table, [.. wanted.Select(address => (uint)address.Value)], found);
            }

            for (int i = 0; i < wanted.Length; i++)
            {
                Assert.Equal(naive.Lookup(wanted[i]), writer.Lookup(wanted[i]));
                Assert.Equal(Number(memory, wanted[i]), found[i]);
            }
        }
    }

    // An address of a prefix, at its ends, or beside them.
    private static RouteAddress Near(Random random, NaiveRoutes naive, bool isIpv6)
    {
        if (naive.Keys.Count == 0 || random.Next(4) == 0)
        {
            return RandomAddress(random, isIpv6);
        }

        (UInt128 prefix, int length, bool family) = naive.Keys.ElementAt(random.Next(naive.Keys.Count));
        if (family != isIpv6)
        {
            return RandomAddress(random, isIpv6);
        }

        int bits = family ? 128 : 32;
        UInt128 size = length == 0 ? UInt128.Zero : UInt128.One << (bits - length);
        UInt128 value = random.Next(4) switch
        {
            0 => prefix,
            1 => prefix + size - 1,
            2 => prefix - 1,
            _ => prefix + size,
        };
        return new(family ? value : value & uint.MaxValue, family);
    }

    private static uint Number(TableMemory memory, RouteAddress address)
    {
        RouterTable table = memory.Table;
        return address.IsIpv6
            ? Ipv6Routes.Lookup(in table, new Ipv6Address((ulong)(address.Value >> 64), (ulong)address.Value))
            : Ipv4Routes.Lookup(in table, (uint)address.Value);
    }

    private static NextHopKind KindOf(TableMemory memory, uint number) => NextHop.KindOf(memory.Table.NextHops[number].Action);
}
