using System;
using System.Runtime.InteropServices;
using Sos.Firewall.Rules;
using Sos.Firewall.Tables;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>Tables with limits and with sets that packets fill that say what no compiler would.</summary>
public class TableValidatorTests
{
    private readonly byte[] _table;
    private readonly int _instruction;
    private readonly int _set;
    private readonly int _filled;
    private readonly int _use;

    private TableValidatorTests(string rules) => _table = [.. FirewallBench.Compile(rules, out _).Bytes];

    public TableValidatorTests()
    {
        const string Rules = """
            table ip f { set s { type ipv4_addr; size 5; flags dynamic, timeout; elements = { 10.0.0.1 timeout 1h }; }
              chain c { type filter hook input priority 0; policy drop;
              udp dport { 1, 5, 9 } limit rate 1/hour burst 2 packets accept
              tcp dport 9 add @s { ip saddr limit rate 1/hour } accept
              tcp dport 7 reject; }; }
            """;
        CompiledTable table = FirewallBench.Compile(Rules, out _);
        _table = [.. table.Bytes];
        _instruction = Find<Instruction>(Header.InstructionOffset, Header.InstructionCount, one => one.Operation == Operation.Limit);
        _set = Find<SetDescriptor>(Header.SetOffset, Header.SetCount, one => one.Kind == SetKind.Limit);
        _filled = Find<SetDescriptor>(Header.SetOffset, Header.SetCount, one => one.Kind == SetKind.DynamicSet);
        _use = Find<SetDescriptor>(Header.SetOffset, Header.SetCount, one => one.Kind == SetKind.SetAccess);
    }

    private FirewallHeader Header => At<FirewallHeader>(TableHeader.HeaderSize);

    private ref SetDescriptor Set => ref At<SetDescriptor>(_set);

    private ref SetDescriptor FilledSet => ref At<SetDescriptor>(_filled);

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
    [InlineData(0u, 1u)]
    [InlineData(FirewallHeader.DynamicElementsMax + 1u, 1u)]
    [InlineData(5u, 0u)]
    [InlineData(5u, 2u)]
    [InlineData(5u, 6u)]
    public void A_Set_Of_No_Size_Or_With_Other_Keys_Than_Its_Rules_Have_Is_Refused(uint capacity, uint keyLength)
    {
        DynamicSet declared = At<DynamicSet>((int)FilledSet.Offset);
        Assert.Equal((5u, 1u), (declared.Capacity, declared.KeyLength));
        (At<DynamicSet>((int)FilledSet.Offset).Capacity, At<DynamicSet>((int)FilledSet.Offset).KeyLength) = (capacity, keyLength);
        Assert.False(IsTaken());
    }

    [Fact]
    public void Elements_Of_A_Limit_Without_A_Rate_Are_Refused()
    {
        At<DynamicSet>((int)FilledSet.Offset).Limit.Rate = 0;
        Assert.False(IsTaken());
    }

    [Theory]
    [InlineData(1u, 1u)]
    [InlineData(0u, FirewallHeader.ListedElementsMax + 1u)]
    [InlineData(0u, 4096u)]
    public void A_Set_With_Anothers_Number_Or_With_Elements_Beyond_The_Table_Is_Refused(uint number, uint elements)
    {
        FilledSet.Count = number;
        FilledSet.SecondCount = elements;
        Assert.False(IsTaken());
    }

    [Theory]
    [InlineData(SetOperation.Delete + 1, 1, Field.Ipv4Source)]
    [InlineData(SetOperation.Add, 0, Field.Ipv4Source)]
    [InlineData(SetOperation.Add, SetAccess.FieldsMax + 1, Field.Ipv4Source)]
    [InlineData(SetOperation.Add, 3, Field.Ipv4Source)]
    [InlineData(SetOperation.Add, 1, Field.Ipv6Source)]
    [InlineData(SetOperation.Add, 1, (Field)PacketKey.WordCount)]
    public void A_Use_Of_A_Set_With_Other_Keys_Or_Of_No_Known_Kind_Is_Refused(SetOperation operation, int fields, Field field)
    {
        ref SetAccess access = ref At<SetAccess>((int)At<SetDescriptor>(_use).Offset);
        (access.Operation, access.FieldCount, access.Fields[0]) = (operation, (byte)fields, field);
        Assert.False(IsTaken());
    }

    [Fact]
    public void A_Use_Of_What_Is_No_Set_Is_Refused()
    {
        At<SetDescriptor>(_use).Count = (uint)((_use - (int)Header.SetOffset) / SetDescriptor.Size);
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
