using Sos.Sdk.Control;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Tables;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Sdk.Tests.Tables;

public sealed unsafe class TableSwapTests
{
    [Fact]
    public void NothingIsLoadedBeforeItIsAskedFor()
    {
        using ServiceHarness<TableService> harness = Started();
        harness.Poll(3);
        Assert.Equal((0UL, 0UL), (harness.Counter("value"), harness.Control->TableActive));
        Assert.False(harness.Service.Swap.IsLoaded);
    }

    [Fact]
    public void SwitchesBetweenTwoPollsAndAnswers()
    {
        using ServiceHarness<TableService> harness = Started();
        ulong request = harness.RequestTable(Table(7));
        Assert.Equal(0UL, harness.Control->TableActive);
        Assert.Equal(0UL, harness.Counter("value"));
        harness.Poll();
        Assert.Equal(request, harness.Control->TableActive);
        Assert.Equal((7UL, 1UL, 1UL), (harness.Counter("value"), harness.Counter("switches"), harness.Service.Swap.Generation));
        harness.Poll(5);
        Assert.Equal(1UL, harness.Counter("switches"));
    }

    [Fact]
    public void TablesAlternateBetweenTheSlots()
    {
        using ServiceHarness<TableService> harness = Started();
        for (ulong i = 1; i <= 20; i++)
        {
            Assert.True(harness.LoadTable(Table(i * 10)));
            Assert.Equal((i * 10, i), (harness.Counter("value"), harness.Service.Swap.Generation));
            Assert.Equal((i - 1) % 2, harness.Control->TableActive & 0xff);
        }
    }

    [Theory]
    [InlineData(0, 1)] // magic
    [InlineData(8, 1)] // kind
    [InlineData(12, 1)] // version
    [InlineData(16, 100)] // size: shorter than the header
    [InlineData(19, 1)] // size: more than the slot
    [InlineData(23, 0x80)]
    [InlineData(64, 0xff)] // the service's own check
    public void ARefusedTableIsAnsweredAndTheFormerStays(int offset, int flip)
    {
        using ServiceHarness<TableService> harness = Started();
        Assert.True(harness.LoadTable(Table(7)));
        byte[] bad = Table(8);
        bad[offset] ^= (byte)flip;
        ulong request = harness.RequestTable(bad);
        harness.Poll(3);
        Assert.Equal(request | ServiceControl.TableRefused, harness.Control->TableActive);
        Assert.Equal((7UL, 1UL, 1UL), (harness.Counter("value"), harness.Service.Swap.Generation, harness.Service.Swap.Refused));
        Assert.True(harness.LoadTable(Table(9)));
        Assert.Equal(9UL, harness.Counter("value"));
    }

    [Fact]
    public void TheGenerationMustBeTheRequests()
    {
        using ServiceHarness<TableService> harness = Started();
        ulong request = harness.RequestTable(Table(7)) + (1UL << TableHeader.RequestSlotBits);
        harness.Control->TableRequest = request;
        harness.Poll();
        Assert.Equal(request | ServiceControl.TableRefused, harness.Control->TableActive);
        Assert.False(harness.Service.Swap.IsLoaded);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(255)]
    public void ASlotThatIsNotThereIsRefused(byte slot)
    {
        using ServiceHarness<TableService> harness = Started();
        ulong request = (1UL << TableHeader.RequestSlotBits) | slot;
        harness.Control->TableRequest = request;
        harness.Poll();
        Assert.Equal(request | ServiceControl.TableRefused, harness.Control->TableActive);
    }

    [Fact]
    public void WithoutSlotsEveryRequestIsRefused()
    {
        ServiceControl control = default;
        TableSwap<NumberTable> swap = new(new TableSlots(&control, default, default));
        control.TableRequest = 1UL << TableHeader.RequestSlotBits;
        Assert.False(swap.Poll());
        Assert.Equal(control.TableRequest | ServiceControl.TableRefused, control.TableActive);
    }

    [Fact]
    public void TakingARequestBackIsNoSwitch()
    {
        using ServiceHarness<TableService> harness = Started();
        Assert.True(harness.LoadTable(Table(7)));
        ulong active = harness.Control->TableActive;
        harness.Control->TableRequest = 0;
        harness.Poll();
        Assert.Equal((active, 7UL, 0UL), (harness.Control->TableActive, harness.Counter("value"), harness.Service.Swap.Refused));
    }

    private static ServiceHarness<TableService> Started()
    {
        ServiceHarness<TableService> harness = new(new HarnessOptions { TableSlotSize = 4096 });
        Assert.Equal(0, harness.Start());
        return harness;
    }

    private static byte[] Table(ulong value)
    {
        byte[] bytes = new byte[TableHeader.HeaderSize + 16];
        fixed (byte* start = bytes)
        {
            *(TableHeader*)start = new TableHeader
            {
                Magic = TableHeader.MagicValue,
                Kind = NumberTable.Kind,
                Version = NumberTable.Version,
                TotalSize = (ulong)bytes.Length,
            };
            ((ulong*)(start + TableHeader.HeaderSize))[0] = value;
            ((ulong*)(start + TableHeader.HeaderSize))[1] = value;
        }

        return bytes;
    }

    /// <summary>One number, twice.</summary>
    internal struct NumberTable : ITable<NumberTable>
    {
        private ulong* _number;

        public static uint Kind => 0x424d554e;

        public static uint Version => 3;

        public readonly ulong Number => *_number;

        public static bool TryOpen(byte* bytes, ulong size, out NumberTable table)
        {
            table = default;
            if (size < TableHeader.HeaderSize + 16)
            {
                return false;
            }

            table._number = (ulong*)(bytes + TableHeader.HeaderSize);
            return table._number[0] == table._number[1];
        }
    }

    /// <summary>Shows the table's number as a counter.</summary>
    internal struct TableService : IService
    {
        public TableSwap<NumberTable> Swap;
        private Counter _value;
        private Counter _switches;

        public long Initialize(ref ServiceSetup setup)
        {
            Swap = new TableSwap<NumberTable>(setup.Tables);
            _value = setup.Statistics.Add("value"u8);
            _switches = setup.Statistics.Add("switches"u8);
            return 0;
        }

        public void Poll(ulong now)
        {
            if (Swap.Poll())
            {
                _switches.Increment();
                _value.Set(Swap.Current.Number);
            }
        }
    }
}
