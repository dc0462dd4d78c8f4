using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Ports;
using Sos.Sdk.Statistics;
using Sos.Sdk.Tests.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Statistics;

public sealed unsafe class CounterRegistryTests : IDisposable
{
    private readonly byte* _memory = PortBench.Zeroed(StatisticsLayout.TotalSize);

    [Fact]
    public void CountersAreReadByNameInTheirOrder()
    {
        CounterRegistry registry = Create();
        Counter level = registry.Add("level"u8);
        Counter packets = registry.Add("port"u8, 7, "packets"u8);
        Counter last = registry.Add("port"u8, 99, "packets"u8);
        level.Maximum(9);
        level.Maximum(3);
        packets.Increment();
        packets.Add(40);
        packets.Add(ulong.MaxValue);
        last.Set(5);
        Assert.Equal([("level", 9UL), ("port7.packets", 40UL), ("port99.packets", 5UL)], Read());
        Assert.Equal((3, 9UL), (registry.Count, level.Value));
    }

    [Fact]
    public void WhenItIsFullOneMoreTraps()
    {
        CounterRegistry registry = Create();
        for (int i = 0; i < StatisticsLayout.Capacity; i++)
        {
            registry.Add(Encoding.UTF8.GetBytes($"counter{i}")).Set((ulong)i + 1);
        }

        Assert.False(registry.TryAdd("more"u8, out _));
        TrapAssert.Traps(() => registry.Add("more"u8));
        TrapAssert.Traps(() => PortCounters.Register(registry, "port0"u8));
        Assert.Equal(Enumerable.Range(0, 256).Select(i => ($"counter{i}", (ulong)i + 1)), Read());
    }

    [Fact]
    public void NamesThatDoNotFitTrap()
    {
        CounterRegistry registry = Create();
        byte[] name = Enumerable.Repeat((byte)'n', StatisticsLayout.NameSize + 1).ToArray();
        Assert.False(registry.TryAdd(name, out _));
        Assert.False(registry.TryAdd([], out _));
        TrapAssert.Traps(() => registry.Add(name));
        TrapAssert.Traps(() => registry.Add("port"u8, 100, "x"u8));
        TrapAssert.Traps(() => registry.Add("port"u8, 1, name.AsSpan(0, 42)));
        registry.Add(name.AsSpan(0, StatisticsLayout.NameSize)).Increment();
        registry.Add("port"u8, 1, name.AsSpan(0, 41)).Increment();
        Assert.Equal([(new string('n', 48), 1UL), ("port1." + new string('n', 41), 1UL)], Read());
    }

    [Fact]
    public void NothingIsReadBeforeItIsMadeAndANewStartEmptiesIt()
    {
        Assert.Empty(Read());
        Create().Add("old"u8).Set(3);
        Assert.Single(Read());
        CounterRegistry anew = Create();
        Assert.Empty(Read());
        anew.Add("new"u8);
        Assert.Equal([("new", 0UL)], Read());
    }

    [Fact]
    public void AReaderBelievesNoCountBeyondTheCapacity()
    {
        Create().Add("one"u8);
        ((StatisticsLayout*)_memory)->Count = uint.MaxValue;
        Assert.Equal(StatisticsLayout.Capacity, Read().Count());
        Assert.Throws<ArgumentException>(() => StatisticsReader.Read(_memory, StatisticsLayout.TotalSize - 1));
    }

    [Fact]
    public void NeedsAlignedMemoryOfItsSize()
    {
        Assert.False(CounterRegistry.TryCreate(null, StatisticsLayout.TotalSize, out _));
        Assert.False(CounterRegistry.TryCreate(_memory + 8, StatisticsLayout.TotalSize, out _));
        Assert.False(CounterRegistry.TryCreate(_memory, StatisticsLayout.TotalSize - 1, out _));
    }

    public void Dispose() => PortBench.Release(_memory);

    private CounterRegistry Create()
    {
        Assert.True(CounterRegistry.TryCreate(_memory, StatisticsLayout.TotalSize, out CounterRegistry registry));
        return registry;
    }

    private IEnumerable<(string Name, ulong Value)> Read()
        => StatisticsReader.Read(_memory, StatisticsLayout.TotalSize).Select(pair => (pair.Key, pair.Value));
}
