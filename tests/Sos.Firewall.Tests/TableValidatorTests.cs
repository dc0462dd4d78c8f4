using System;
using System.Runtime.InteropServices;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>Tables with limits that say what no compiler would.</summary>
public class TableValidatorTests
{
    private readonly byte[] _table;
    private readonly int _instruction;
    private readonly int _set;

    private TableValidatorTests(string rules) => _table = [.. FirewallBench.Compile(rules, out _).Bytes];

    public TableValidatorTests()
    {
        const string Rules = """
            table ip f { chain c { type filter hook input priority 0; policy drop;
              udp dport { 1, 5, 9 } limit rate 1/hour burst 2 packets accept
              tcp dport 7 reject; }; }
            """;
        CompiledTable table = FirewallBench.Compile(Rules, out _);
        _table = [.. table.Bytes];
        _instruction = Find<Instruction>(Header.InstructionOffset, Header.InstructionCount, one => one.Operation == Operation.Limit);
        _set = Find<SetDescriptor>(Header.SetOffset, Header.SetCount, one => one.Kind == SetKind.Limit);
    }

    private FirewallHeader Header => At<FirewallHeader>(TableHeader.HeaderSize);

    private ref SetDescriptor Set => ref At<SetDescriptor>(_set);

    private ref Instruction Limit => ref At<Instruction>(_instruction);

    [Fact]
    public void The_Table_As_Compiled_Is_Taken() => Assert.True(IsTaken());

    [Fact]
    public void A_Rate_Of_Nothing_Is_Refused()
    {
        At<RateLimit>((int)Set.Offset).Rate = 0;
        Assert.False(IsTaken());
    }

    [Fact]
    public void A_Number_Without_A_Bucket_Is_Refused()
    {
        Set.Count = FirewallHeader.LimitsMax;
        Assert.False(IsTaken());
    }

    [Fact]
    public void A_Limit_Beyond_The_Table_Is_Refused()
    {
        Set.Offset = (uint)_table.Length;
        Assert.False(IsTaken());
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(65_536u)]
    public void An_Instruction_That_Names_No_Limit_Is_Refused(uint set)
    {
        Assert.NotEqual(SetKind.Limit, At<SetDescriptor>((int)Header.SetOffset).Kind);
        Limit.A = set;
        Assert.False(IsTaken());
    }

    [Fact]
    public void An_Instruction_That_Leads_Back_Is_Refused()
    {
        Limit.Next = 0;
        Assert.False(IsTaken());
    }

    [Theory]
    [InlineData(0u, 0u)]
    [InlineData(3u, 0u)]
    [InlineData(2u, 0x1_0000u)]
    public void An_Answer_Of_No_Known_Kind_Is_Refused(uint kind, uint codes)
    {
        int place = Find<Instruction>(Header.InstructionOffset, Header.InstructionCount, one => one.Operation == Operation.Reject);
        (At<Instruction>(place).A, At<Instruction>(place).B) = (kind, codes);
        Assert.False(IsTaken());
    }

    [Theory]
    [InlineData(TableMode.Prefilter)]
    [InlineData(TableMode.RecordingPrefilter)]
    public void Where_Linux_Judges_The_Rest_Nothing_Is_Answered(TableMode mode)
    {
        At<FirewallHeader>(TableHeader.HeaderSize).Mode = mode;
        Assert.False(IsTaken());
    }

    [Theory]
    [InlineData(Operation.InNumberSet)]
    [InlineData(Operation.Assign)]
    [InlineData(Operation.SetTrafficClass)]
    [InlineData(Operation.EqualsMasked)]
    public void What_Needs_The_Whole_Packet_Is_Refused_Where_It_Is_Not_Read(Operation operation)
    {
        TableValidatorTests whole = new("""
            table ip f { chain c { type filter hook input priority 0;
              udp length 9-12 drop
              meta pkttype broadcast meta mark set 5 ip dscp set 8; }; }
            """);
        Assert.True(whole.IsTaken());
        ref FirewallHeader header = ref whole.At<FirewallHeader>(TableHeader.HeaderSize);
        int at = whole.Find<Instruction>(header.InstructionOffset, header.InstructionCount, one => one.Operation == operation
            && (operation != Operation.EqualsMasked || one.Field == Field.PacketType));
        whole.At<Instruction>(TestedAt(whole)) = whole.At<Instruction>(at) with { Next = whole.At<Instruction>(TestedAt(whole)).Next };
        Assert.True(whole.IsTaken());
        header.Needs = TableNeeds.None;
        Assert.False(whole.IsTaken());

        // Alone in its table, and refused all the same.
        for (uint i = 0; i < header.InstructionCount; i++)
        {
            ref Instruction one = ref whole.At<Instruction>((int)(header.InstructionOffset + (i * Instruction.Size)));
            one = i == 0 || one.Operation == Operation.Return ? one : new Instruction { Operation = Operation.Drop };
        }

        Assert.False(whole.IsTaken());
        whole.At<Instruction>((int)header.InstructionOffset) = new Instruction { Operation = Operation.Drop };
        Assert.True(whole.IsTaken());
    }

    [Theory]
    [InlineData(0x0000_0002u)] // no bits
    [InlineData(0x0000_4102u)] // 65
    [InlineData(0x0001_4002u)] // over nine bytes
    [InlineData(0x0000_1004u)] // of no header
    [InlineData(0x0000_4000u)] // the time, which is not told
    public void A_Number_At_No_Place_Is_Refused(uint place)
    {
        TableValidatorTests whole = new("table ip f { chain c { type filter hook input priority 0; udp length 9-12 drop; }; }");
        ref FirewallHeader header = ref whole.At<FirewallHeader>(TableHeader.HeaderSize);
        int at = whole.Find<Instruction>(header.InstructionOffset, header.InstructionCount, one => one.Operation == Operation.InNumberSet);
        Assert.True(whole.IsTaken());
        whole.At<Instruction>(at).B = place;
        Assert.False(whole.IsTaken());
    }

    [Theory]
    [InlineData((byte)2, TableMode.Authoritative)]
    [InlineData((byte)4, TableMode.Authoritative)]
    [InlineData((byte)1, TableMode.Prefilter)]
    public void Needs_That_Do_Not_Go_Together_Are_Refused(byte needs, TableMode mode)
    {
        TableValidatorTests plain = new("table ip f { chain c { type filter hook input priority 0; udp dport 9 drop; }; }");
        ref FirewallHeader header = ref plain.At<FirewallHeader>(TableHeader.HeaderSize);
        header.Mode = mode;
        Assert.True(plain.IsTaken());
        header.Needs = (TableNeeds)needs;
        Assert.False(plain.IsTaken());
    }

    [Fact]
    public void A_Quota_Beyond_The_Table_Or_Without_A_Place_Is_Refused()
    {
        TableValidatorTests whole = new("table ip f { chain c { type filter hook input priority 0; quota 5 bytes drop; }; }");
        int at = whole.Find<SetDescriptor>(whole.Header.SetOffset, whole.Header.SetCount, one => one.Kind == SetKind.Quota);
        ref SetDescriptor set = ref whole.At<SetDescriptor>(at);
        Assert.True(whole.IsTaken());
        set.Count = FirewallHeader.QuotasMax;
        Assert.False(whole.IsTaken());
        set.Count = 0;
        set.Offset = (uint)whole._table.Length;
        Assert.False(whole.IsTaken());
    }

    private static int TestedAt(TableValidatorTests whole) => (int)whole.Header.InstructionOffset;

    private ref T At<T>(int offset)
        where T : unmanaged => ref MemoryMarshal.AsRef<T>(_table.AsSpan(offset));

    private int Find<T>(uint offset, uint count, Predicate<T> isIt)
        where T : unmanaged
    {
        int size = Marshal.SizeOf<T>();
        for (int i = 0; i < count; i++)
        {
            if (isIt(At<T>((int)offset + (i * size))))
            {
                return (int)offset + (i * size);
            }
        }

        throw new InvalidOperationException("the table has no such part");
    }

    private bool IsTaken()
    {
        using FirewallBench bench = new();
        return bench.Harness.LoadTable(_table);
    }
}
