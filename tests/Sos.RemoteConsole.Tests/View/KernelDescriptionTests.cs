using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Image;
using Sos.RemoteConsole.Control.Linux;
using Sos.RemoteConsole.View;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The things that a kernel tells of itself: types, names, notes. Each reader refuses what contradicts itself.</summary>
public sealed class KernelDescriptionTests
{
    [Fact]
    public void MembersAreFoundByNameWhereverTheyLie()
    {
        BtfTypes types = new(Example().ToArray());
        Assert.Equal(8, types.FindMember("task", "pid")!.Value.ByteOffset);
        Assert.Equal(16 + 4, types.FindMember("task", "inner.second")!.Value.ByteOffset);
        // In unnamed structs and unions, behind other names and qualifiers.
        Assert.Equal(32 + 4, types.FindMember("task", "hidden")!.Value.ByteOffset);
        Assert.Equal(32, types.FindMember("task", "first")!.Value.ByteOffset);
        Assert.Equal(43ul * 8 + 5, types.FindMember("flags", "level")!.Value.BitOffset);
        Assert.Equal(7, types.FindLength("task", "name"));
        Assert.Equal(64, types.FindSize("task"));
        Assert.Equal(-1, types.FindConstant("MINUS"));
        Assert.Equal(1L << 40, types.FindConstant("LARGE"));
        Assert.Null(types.FindMember("task", "nothing"));
        Assert.Null(types.FindMember("task", "pid.nothing"));
        Assert.Null(types.FindMember("nothing", "pid"));
        Assert.Null(types.FindMember("task", "next.pid")); // behind a pointer is another struct
        Assert.Null(types.FindLength("task", "pid"));
        Assert.Null(types.FindSize("nothing"));
        Assert.Null(types.FindConstant("nothing"));
    }

    [Fact]
    public void ADamagedDescriptionIsRefusedOrTellsSomethingElseButNothingBreaks()
    {
        byte[] whole = Example().ToArray();
        for (int length = 0; length < whole.Length; length++)
        {
            byte[] cut = whole[..length];
            _ = Assert.Throws<FormatException>(() => new BtfTypes(cut));
        }

        Random random = new(15);
        for (int i = 0; i < 50_000; i++)
        {
            byte[] damaged = [.. whole];
            for (int j = random.Next(1, 4); j > 0; j--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            AskAll(damaged);
        }
    }

    [Fact]
    public void TypesThatAreMadeOfThemselvesEnd()
    {
        BtfBuilder builder = new();
        _ = builder.Typedef("self", 1);
        _ = builder.Struct("outer", 8, ("", 2, 0));
        _ = builder.Struct("list", 8, ("self", 1, 0));
        BtfTypes types = new(builder.ToArray());
        Assert.Null(types.FindMember("outer", "anything"));
        _ = Assert.Throws<FormatException>(() => types.FindMember("list", "self.more"));
    }

    [Fact]
    public void TheRunningKernelTellsWhereItsTasksAndItsLogAre()
    {
        // Every kernel of a distribution has it; one built without has no view either.
        const string path = "/sys/kernel/btf/vmlinux";
        if (!File.Exists(path))
        {
            return;
        }

        KernelSymbols symbols = KernelSymbols.Read(new StringReader("ffffffff81000000 T _stext\n"));
        Dictionary<LinuxField, long> values = LinuxSymbolsBuilder.Find(new KernelDescription(new BtfTypes(File.ReadAllBytes(path)), symbols, null));
        foreach (LinuxField field in Enumerable.Range((int)LinuxField.LogCountBits, LinuxField.TaskStackPointer - LinuxField.LogCountBits).Cast<LinuxField>())
        {
            Assert.True(values.ContainsKey(field), field.ToString());
        }

        Assert.Equal(24, values[LinuxField.DescriptorSize]);
        Assert.Equal(values[LinuxField.TaskPid] + 4, values[LinuxField.TaskTgid]);
        Assert.Equal(0, values[LinuxField.ZoneFree]);
        Assert.True(values.ContainsKey(LinuxField.ModuleMemoryCount) ^ values.ContainsKey(LinuxField.ModuleCoreSize));
    }

    [Fact]
    public void EveryValueHasASource()
    {
        // The kernel's memory itself tells these: LinuxSymbolsBuilder.
        LinuxField[] chosenAtBoot = [LinuxField.PageOffset, LinuxField.PhysBase, LinuxField.PageTableLevels, LinuxField.PageArray, LinuxField.OrcRegisters];
        Assert.Equal(
            Enumerable.Range(0, (int)LinuxField.Count).Select(index => (LinuxField)index).Except(chosenAtBoot),
            FieldSources.All.Keys.Order());
    }

    [Fact]
    public void NamesOfTheKernelAndOfModulesAreToldApart()
    {
        KernelSymbols symbols = KernelSymbols.Read(new StringReader(
            "ffffffff81000000 T _stext\nffffffff81000000 T _text\nffffffff81000100 t helper\nffffffff81000090 T __pfx_helper\nffffffff82000000 D modules\n"
            + "ffffffffc0000000 t helper\t[virtio]\nffffffff82000100 d twice\nffffffff82000200 d twice\n0000000000021000 A runqueues\nnonsense\n\nffff T\n"));
        Assert.True(symbols.AreShown);
        Assert.Equal(["_stext", "helper", "helper"], symbols.Functions.Select(function => function.Name));
        Assert.Equal(0xffff_ffff_8200_0000, symbols.Find("modules"));
        Assert.Equal(0x21000ul, symbols.Find("runqueues"));
        Assert.Equal(0xffff_ffff_8100_0100, symbols.Find("helper"));
        Assert.Null(symbols.Find("twice"));
        Assert.Null(symbols.Find("nothing"));
        Assert.False(KernelSymbols.Read(new StringReader("0000000000000000 T _stext\n")).AreShown);
    }

    [Fact]
    public void NotesAreReadByName()
    {
        byte[] text = Encoding.ASCII.GetBytes("OSRELEASE=6.1.0\nSYMBOL(prb)=ffffffff82a00000\nNUMBER(phys_base)=-16777216\nNUMBER(bad)=x\n=\n\n");
        byte[] note = [.. Note("CORE", [1, 2, 3]), .. Note("VMCOREINFO", text), .. Note("LAST", [])];
        VmCoreInfo? info = KernelCore.FindNote(note, "VMCOREINFO");
        Assert.NotNull(info);
        Assert.Equal("6.1.0", info.FindText("OSRELEASE"));
        Assert.Equal(0xffff_ffff_82a0_0000, info.FindSymbol("prb"));
        Assert.Equal(-16_777_216, info.FindNumber("phys_base"));
        Assert.Null(info.FindNumber("bad"));
        Assert.Null(info.FindSymbol("nothing"));
        for (int length = 0; length < note.Length; length++)
        {
            _ = KernelCore.FindNote(note.AsSpan(0, length), "VMCOREINFO");
        }

        Assert.Null(KernelCore.FindNote([1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0], "VMCOREINFO"));
    }

    [Fact]
    public void TheWindowEndsBehindAllMemory()
    {
        const string resources = "00001000-0009fbff : System RAM\n000a0000-000bffff : PCI Bus 0000:00\n00100000-3ffdffff : System RAM\n"
            + "  01000000-01ffffff : Kernel code\n100000000-13fffffff : System RAM\n200000000-2ffffffff : System RAM (kmem)\nfee00000-fee00fff : Local APIC\n";
        Assert.Equal(0x1_4000_0000ul, LinuxMemoryRequest.SizeFor(resources));
        Assert.Equal(0x20_0000ul, LinuxMemoryRequest.SizeFor("00000000-00000fff : System RAM\n"));
        _ = Assert.Throws<SosException>(() => LinuxMemoryRequest.SizeFor("00000000-00000000 : System RAM\n"));
        _ = Assert.Throws<SosException>(() => LinuxMemoryRequest.SizeFor(""));
        _ = Assert.Throws<SosException>(() => LinuxMemoryRequest.CheckBackEnd(BackEndKind.Isolated, ServiceGrants.LinuxMemory));
    }

    private static byte[] Note(string name, byte[] text)
    {
        byte[] padded = new byte[(name.Length + 4) & ~3];
        Encoding.ASCII.GetBytes(name).CopyTo(padded, 0);
        byte[] body = new byte[(text.Length + 3) & ~3];
        text.CopyTo(body, 0);
        return [.. BitConverter.GetBytes(name.Length + 1), .. BitConverter.GetBytes(text.Length), .. BitConverter.GetBytes(0), .. padded, .. body];
    }

    private static BtfBuilder Example()
    {
        BtfBuilder builder = new();
        uint number = builder.Integer("int", 4);
        uint character = builder.Integer("char", 1);
        uint name = builder.Array(character, number, 7);
        uint inner = builder.Struct("inner", 8, ("first", number, 0), ("second", builder.Const(number), 32));
        uint hidden = builder.Struct("", 8, ("first", number, 0), ("hidden", number, 32));
        uint union = builder.Union("", 8, ("", builder.Typedef("alias", hidden), 0), ("other", number, 0));
        uint pointer = builder.Pointer(builder.Count + 3);
        uint task = builder.Struct(
            "task", 64, ("next", pointer, 0), ("pid", number, 64), ("name", name, 96), ("inner", builder.Const(inner), 128), ("", union, 256));
        Assert.Equal(pointer + 2, task);
        _ = builder.BitStruct("flags", 48, ("rest", number, 0), ("level", character, (3u << 24) | ((43 * 8) + 5)));
        _ = builder.Enum("numbers", ("ZERO", 0), ("MINUS", -1));
        _ = builder.Enum64("large", ("LARGE", 1L << 40));
        _ = builder.Other(13, 2, 0, number, 0, character); // a prototype
        _ = builder.Other(14, 0, 1); // a variable
        _ = builder.Other(15, 1, 1, 2, 3); // a section
        _ = builder.Other(17, 0, 0); // a tag
        return builder;
    }

    private static void AskAll(byte[] bytes)
    {
        try
        {
            BtfTypes types = new(bytes);
            _ = types.FindMember("task", "inner.second");
            _ = types.FindMember("task", "hidden");
            _ = types.FindMember("flags", "level");
            _ = types.FindLength("task", "name");
            _ = types.FindSize("task");
            _ = types.FindConstant("LARGE");
        }
        catch (FormatException)
        {
            // Refused.
        }
    }
}
