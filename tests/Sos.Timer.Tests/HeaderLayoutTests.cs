using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Sdk.Time;
using Sos.Timer.Client;
using Sos.Timer.Layout;
using Xunit;

namespace Sos.Timer.Tests;

/// <summary>sos_timer.h, for C, against the layouts in C#; it must also compile as C++ and without warnings.</summary>
public sealed class HeaderLayoutTests
{
    private static readonly (string C, Type Type)[] Structs =
    [
        ("sos_timer_area", typeof(TimerArea)), ("sos_timer_request", typeof(TimerRequest)), ("sos_timer_slot", typeof(TimerSlot)),
        ("sos_timer_hello", typeof(BrokerHello)), ("sos_timer_welcome", typeof(BrokerWelcome)),
    ];

    private static readonly (string C, ulong Value)[] Constants =
    [
        ("SOS_TIMER_VERSION", BrokerHello.CurrentVersion), ("SOS_TIMER_TIMERS", TimerArea.Timers), ("SOS_TIMER_REQUESTS", TimerArea.Requests),
        ("SOS_TIMER_AREA_MAGIC", TimerArea.MagicValue), ("SOS_TIMER_HELLO_MAGIC", BrokerHello.MagicValue),
        ("SOS_TIMER_WELCOME_MAGIC", BrokerWelcome.MagicValue), ("SOS_TIMER_ABSOLUTE", (ulong)TimerFlags.Absolute),
        ("sizeof(struct sos_timer_memory)", TimerArea.TotalSize),
        ("offsetof(struct sos_timer_memory, requests)", TimerArea.RequestsOffset),
        ("offsetof(struct sos_timer_memory, slots)", TimerArea.SlotsOffset),
        .. Enum.GetValues<TimerOperation>().Select(value => ("SOS_TIMER_" + Snake(value.ToString()), (ulong)value)),
        .. Enum.GetValues<ClockId>().Select(value => ("SOS_TIMER_" + Snake(value.ToString()), (ulong)value)),
        .. Enum.GetValues<TimerError>().Select(value => ("SOS_TIMER_ERROR_" + Snake(value.ToString()), (ulong)value)),
        .. Enum.GetValues<TimerState>().Select(value => ("SOS_TIMER_" + Snake(value.ToString()), (ulong)value)),
        .. Enum.GetValues<BrokerStatus>().Select(value => ("SOS_TIMER_" + Snake(value.ToString()), (ulong)value)),
    ];

    [Fact]
    public void SizesOffsetsAndConstantsAreTheSame()
    {
        StringBuilder program = new("#include <stddef.h>\n#include <stdio.h>\n#include \"sos_timer.h\"\nint main(void) {\n");
        List<string> expected = [];
        foreach ((string c, Type type) in Structs)
        {
            Print($"sizeof(struct {c})", (ulong)Marshal.SizeOf(type));
            foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Instance))
            {
                Print($"offsetof(struct {c}, {Snake(field.Name).ToLowerInvariant()})", (ulong)field.GetCustomAttribute<FieldOffsetAttribute>()!.Value);
            }
        }

        foreach ((string c, ulong value) in Constants)
        {
            Print(c, value);
        }

        program.Append("return 0; }\n");
        Assert.Equal(expected, CompileAndRun(program.ToString(), "gcc", "-std=gnu11").Split('\n', StringSplitOptions.RemoveEmptyEntries));

        void Print(string expression, ulong value)
        {
            program.Append($"printf(\"%s = %llu\\n\", \"{expression}\", (unsigned long long)({expression}));\n");
            expected.Add($"{expression} = {value}");
        }
    }

    [Fact]
    public void TheHeaderIsCPlusPlusToo()
    {
        const string program = "#include <stdio.h>\n#include \"sos_timer.h\"\nint main() { puts(\"ok\"); }\n";
        Assert.Equal("ok", CompileAndRun(program, "g++", "-std=c++17", "-x", "c++").Trim());
    }

    private static string Snake(string name)
        => string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) ? "_" + c : char.ToUpperInvariant(c).ToString()));

    private static string CompileAndRun(string program, string compiler, params string[] options)
    {
        string headers = typeof(HeaderLayoutTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Headers").Value!;
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-timer-header");
        try
        {
            string source = Path.Combine(folder.FullName, "program.c");
            string binary = Path.Combine(folder.FullName, "program");
            File.WriteAllText(source, program);
            Execute(compiler, [.. options, "-Wall", "-Wextra", "-Werror", "-I", headers, "-o", binary, source]);
            return Execute(binary);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Execute(string file, params string[] arguments)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        return output;
    }
}
