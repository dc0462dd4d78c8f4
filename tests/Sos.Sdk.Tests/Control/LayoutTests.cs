using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Xunit;

namespace Sos.Sdk.Tests.Control;

/// <summary>Compares the C# layouts with those that the C compiler makes of the uapi header.</summary>
public sealed class LayoutTests
{
    private static readonly (string C, Type Type)[] Structs =
    [
        ("sos_resource", typeof(Resource)),
        ("sos_clock", typeof(ClockLayout)),
        ("sos_control", typeof(ServiceControl)),
        ("sos_host_ring", typeof(HostRing)),
        ("sos_host_slot", typeof(HostSlot)),
        ("sos_host_port", typeof(HostPortLayout)),
    ];

    // Their last members are laid out otherwise than in C: fifteen registers as one array, and an array without a length.
    private static readonly (string C, ulong Value)[] PanicLayout =
    [
        ("SOS_LINUX_PANIC_MAGIC", LinuxPanicLayout.MagicValue),
        ("SOS_REGISTERS_AT_PANIC", CpuRegistersLayout.AtPanic),
        ("sizeof(struct sos_linux_panic)", LinuxPanicLayout.HeaderSize),
        ("offsetof(struct sos_linux_panic, cpus)", LinuxPanicLayout.HeaderSize),
        ("offsetof(struct sos_linux_panic, cpu_count)", OffsetOf<LinuxPanicLayout>(nameof(LinuxPanicLayout.CpuCount))),
        ("offsetof(struct sos_linux_panic, cpu)", OffsetOf<LinuxPanicLayout>(nameof(LinuxPanicLayout.Cpu))),
        ("offsetof(struct sos_linux_panic, tsc)", OffsetOf<LinuxPanicLayout>(nameof(LinuxPanicLayout.Tsc))),
        ("offsetof(struct sos_linux_panic, words)", LinuxPanicLayout.WordsOffset),
        ("SOS_PANIC_WORDS_SIZE", LinuxPanicLayout.WordsSize),
        ("sizeof(struct sos_cpu_registers)", CpuRegistersLayout.Size),
        ("offsetof(struct sos_cpu_registers, flags)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Flags))),
        ("offsetof(struct sos_cpu_registers, tsc)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Tsc))),
        ("offsetof(struct sos_cpu_registers, rip)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Rip))),
        ("offsetof(struct sos_cpu_registers, rsp)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Rsp))),
        ("offsetof(struct sos_cpu_registers, rflags)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Rflags))),
        ("offsetof(struct sos_cpu_registers, cs)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Cs))),
        ("offsetof(struct sos_cpu_registers, rax)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Registers))),
        ("offsetof(struct sos_cpu_registers, rbp)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Registers)) + (6 * sizeof(ulong))),
        ("offsetof(struct sos_cpu_registers, r15)", OffsetOf<CpuRegistersLayout>(nameof(CpuRegistersLayout.Registers)) + (14 * sizeof(ulong))),
        .. Enum.GetValues<ServiceAction>().Select(action => ("SOS_ACTION_" + UpperSnake(action.ToString()), (ulong)action)),
        .. Enum.GetValues<ResetMethod>().Select(method => ("SOS_RESET_" + UpperSnake(method.ToString()), (ulong)method)),
    ];

    private static readonly (string C, ulong Value)[] Constants =
    [
        ("SOS_ABI_VERSION", ServiceControl.AbiVersion),
        ("SOS_CONTROL_MAGIC", ServiceControl.MagicValue),
        ("SOS_MAX_RESOURCES", ServiceControl.ResourcesMax),
        ("SOS_TABLE_REFUSED", ServiceControl.TableRefused),
        ("SOS_PORT_NAME_SIZE", PortName.Size),
        ("SOS_MAX_EVENTS", ServiceControl.EventsMax),
        ("SOS_HOST_PORT_MAGIC", HostPortLayout.MagicValue),
        ("SOS_HOST_SLOT_SIZE", HostSlot.Stride),
        ("SOS_HOST_SLOT_HEADER", HostSlot.HeaderSize),
        ("SOS_HOST_FRAME_MAX", HostSlot.FrameMax),
        ("SOS_HOST_MTU_MAX", HostPortLayout.MtuMax),
        ("SOS_HOST_CSUM_VALID", (ulong)HostSlotFlags.ChecksumValid),
        ("1ULL << SOS_CHUNK_SHIFT", PacketMemory.ChunkSize),
        .. Enum.GetValues<ServiceState>().Select(s => ("SOS_SERVICE_" + s.ToString().ToUpperInvariant(), (ulong)s)),
        .. Enum.GetValues<ResourceKind>().Select(k => ("SOS_RESOURCE_" + UpperSnake(k.ToString()), (ulong)k)),
    ];

    // Where a C# field has another name than the C field in snake case.
    private static readonly Dictionary<string, string> Names = new()
    {
        ["sos_resource.ByteCount"] = "size",
        ["sos_control.State"] = "service_state",
    };

    [Fact]
    public void SizesOffsetsAndConstantsAreThoseOfTheHeader()
    {
        StringBuilder program = new("#include <stddef.h>\n#include <stdio.h>\n#include \"sos.h\"\nint main(void) {\n");
        List<string> expected = [];
        foreach ((string c, Type type) in Structs)
        {
            Print($"sizeof(struct {c})", (ulong)SizeOf(type));
            foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Instance))
            {
                string name = Names.GetValueOrDefault($"{c}.{field.Name}", UpperSnake(field.Name).ToLowerInvariant());
                ulong offset = (ulong)field.GetCustomAttribute<FieldOffsetAttribute>()!.Value;
                Print($"offsetof(struct {c}, {name})", offset);
                Print($"sizeof(((struct {c} *)0)->{name})", (ulong)SizeOf(field.FieldType));
            }
        }

        foreach ((string c, ulong value) in Constants.Concat(PanicLayout))
        {
            Print(c, value);
        }

        program.Append("return 0; }\n");
        Assert.Equal(expected, Run(program.ToString()));

        void Print(string expression, ulong value)
        {
            program.Append($"printf(\"%s = %llu\\n\", \"{expression}\", (unsigned long long)({expression}));\n");
            expected.Add($"{expression} = {value}");
        }
    }

    [Fact]
    public void EveryFieldOfTheHeaderIsMirrored()
    {
        string header = File.ReadAllText(HeaderPath());
        foreach ((string c, Type type) in Structs)
        {
            string body = header[(header.IndexOf($"struct {c} {{", StringComparison.Ordinal) + c.Length + 9)..];
            body = body[..body.IndexOf("};", StringComparison.Ordinal)];
            int fields = body.Split('\n')
                .Select(line => line.Split("/*")[0].Trim())
                .Count(line => line.EndsWith(';') && !line.Contains("reserved", StringComparison.Ordinal) && !line.Contains(" pad", StringComparison.Ordinal));
            Assert.Equal((c, fields), (c, type.GetFields(BindingFlags.Public | BindingFlags.Instance).Length));
        }
    }

    [Fact]
    public void LayoutsOfCSharpAloneHaveTheirStatedSizes()
    {
        Assert.Equal(VirtioPciLayout.Size, Unsafe.SizeOf<VirtioPciLayout>());
        Assert.Equal(StatisticsLayout.HeaderSize, Unsafe.SizeOf<StatisticsLayout>());
        Assert.Equal(LogLayout.HeaderSize, Unsafe.SizeOf<LogLayout>());
        Assert.Equal(LogRecord.Size, Unsafe.SizeOf<LogRecord>());
        Assert.Equal(TableHeader.HeaderSize, Unsafe.SizeOf<TableHeader>());
        Assert.Equal(HistogramLayout.HeaderSize, Unsafe.SizeOf<HistogramLayout>());
        Assert.Equal(PacketBuffer.HeaderSize, Unsafe.SizeOf<PacketHeader>());
        Assert.Equal(0, StatisticsLayout.ValuesOffset % 64);
    }

    [Theory]
    [InlineData("SSOCTRL1", ServiceControl.MagicValue)]
    [InlineData("SOSVPCI1", VirtioPciLayout.MagicValue)]
    [InlineData("SOSSTAT1", StatisticsLayout.MagicValue)]
    [InlineData("SOSLOGR1", LogLayout.MagicValue)]
    [InlineData("SOSTABL1", TableHeader.MagicValue)]
    [InlineData("SOSPANC1", LinuxPanicLayout.MagicValue)]
    public void MagicsReadAsText(string text, ulong magic)
    {
        Assert.Equal(text, Encoding.ASCII.GetString(BitConverter.GetBytes(magic)));
    }

    private static ulong OffsetOf<T>(string field) => (ulong)typeof(T).GetField(field)!.GetCustomAttribute<FieldOffsetAttribute>()!.Value;

    private static int SizeOf(Type type)
        => (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static string UpperSnake(string name)
        => string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) ? "_" + c : char.ToUpperInvariant(c).ToString()));

    private static string HeaderPath([CallerFilePath] string thisFile = "")
        => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../../kernel/include/uapi/sos.h"));

    private static string[] Run(string program)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-layout");
        try
        {
            string source = Path.Combine(folder.FullName, "layout.c");
            string binary = Path.Combine(folder.FullName, "layout");
            File.WriteAllText(source, program);
            Execute("gcc", "-Wall", "-Werror", "-I", Path.GetDirectoryName(HeaderPath())!, "-o", binary, source);
            return Execute(binary).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Execute(string file, params string[] arguments)
    {
        ProcessStartInfo start = new(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        return output;
    }
}
