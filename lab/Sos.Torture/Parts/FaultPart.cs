using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Torture.Report;

namespace Sos.Torture.Parts;

/// <summary>A way in which a service fails, and what its record must say.</summary>
/// <param name="Name">The kind.</param>
/// <param name="Fault">Parameter "fault" of the failing service (FaultKind).</param>
/// <param name="Argument">Its parameter "address".</param>
/// <param name="Vector">The exception's vector.</param>
/// <param name="Address">The address of a page fault, or null where it is not said.</param>
/// <param name="Method">A method that the record names as the place or as a caller, or null where it cannot.</param>
internal sealed record FaultCase(string Name, int Fault, ulong Argument, uint Vector, ulong? Address, string? Method);

/// <summary>Services that fail in every way a program can, each contained, told, and its core used again at once.</summary>
internal static class FaultPart
{
    private const ulong KernelAddress = 0xffff_8880_0000_0000;
    private const ulong NowhereAddress = 0x7000_0000_0000;
    private const ulong CodeAddress = 0x1_0000_1000;
    private const ulong StackStart = 0x2_0000_0000;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>The kinds.</summary>
    public static IReadOnlyList<FaultCase> Cases { get; } =
    [
        new("null read", 6, 0, 14, 0, "ReadFrom"),
        new("wild read", 6, KernelAddress, 14, KernelAddress, "ReadFrom"),
        new("wild write", 1, NowhereAddress, 14, NowhereAddress, "WriteTo"),
        new("write to code", 7, 0, 14, CodeAddress, "WriteTo"),
        new("execution of data", 8, 0, 14, null, null),
        new("stack overflow", 9, 0, 14, StackStart - 8, "CallsItself"),
        new("divide error", 10, 1, 0, null, "Divide"),
        new("invalid opcode", 11, 0, 6, null, "UndefinedInstruction"),
        new("privileged instruction", 12, 0, 13, null, "HaltInstruction"),
        new("misaligned SSE access", 13, 0, 13, null, "StoreMisaligned"),
        new("failed bounds check", 2, 9, 6, null, "Index"),
        new("failed assertion", 3, 0, 14, 2048, "Trap.Raise"),
    ];

    /// <summary>Makes one kind of fault, again and again.</summary>
    public static async Task<TortureRow> RunAsync(Subject subject, FaultCase fault, int tries, ChecksumWorkload workload)
    {
        TortureRow row = new(subject.Kernel, fault.Name) { CoreReturned = 0, LinuxUnaffected = 0 };
        int known = subject.Machine.Console.Problems.Count;
        await subject.Machine.CheckAsync($"sosctl core reserve {subject.Cpu}");
        for (row.Tries = 0; row.Tries < tries; row.Tries++)
        {
            row.Contained += await FailAsync(subject, fault, row.Problems) ? 1 : 0;

            // In turn: unloaded, so that the next start shows that the core takes a service at once; or given back and taken again.
            CommandResult back = await subject.Machine.RunAsync(row.Tries % 2 == 0
                ? $"sosctl service stop {subject.Cpu}"
                : $"sosctl core release {subject.Cpu} && [ $(cat /sys/devices/system/cpu/cpu{subject.Cpu}/online) = 1 ] && sosctl core reserve {subject.Cpu}");
            row.CoreReturned += Note(back.ExitCode == 0, row.Problems, back.Output + back.Error);
            row.LinuxUnaffected += await subject.IsLinuxWellAsync(workload, known, subject.Machine.Options.Cpus - 1, row.Problems) ? 1 : 0;
        }

        await subject.Machine.CheckAsync($"sosctl core release {subject.Cpu}");
        return row;
    }

    private static async Task<bool> FailAsync(Subject subject, FaultCase fault, List<string> problems)
    {
        // The delay lets 'service start' see that it polls; a start that is too slow for it is repeated.
        string start = subject.StartFault($"-p fault={fault.Fault} -p address={fault.Argument} -p delay=1000");
        CommandResult result = await subject.Machine.RunAsync(
            $"{start} > /tmp/start 2>&1 || {start} > /tmp/start 2>&1 || {{ cat /tmp/start >&2; exit 1; }}; {subject.AwaitState("Failed")}; "
            + $"dmesg | grep 'sos: cpu {subject.Cpu}: service' | tail -n 1",
            Limit);
        string[] lines = result.Output.Split('\n');
        if (result.ExitCode != 0 || lines.Length < 2)
        {
            problems.Add($"not started: {result.Error}");
            return false;
        }

        JsonElement status = Subject.Parse(lines[0]);
        bool told = lines[1].Contains($"service fault, vector {fault.Vector} ", StringComparison.Ordinal);
        return Note(told && IsAsExpected(status, fault), problems, result.Output) == 1;
    }

    private static bool IsAsExpected(JsonElement status, FaultCase wanted)
    {
        if (status.GetProperty("state").GetString() != "Failed" || status.GetProperty("fault") is not { ValueKind: JsonValueKind.Object } fault)
        {
            return false;
        }

        IEnumerable<string> places = fault.GetProperty("callers").EnumerateArray().Append(fault.GetProperty("at")).Select(place => place.GetString()!);
        return fault.GetProperty("vector").GetUInt32() == wanted.Vector
            && (wanted.Address is null || fault.GetProperty("address").GetUInt64() == wanted.Address)
            && (wanted.Method is null || places.Any(place => place.Contains(wanted.Method, StringComparison.Ordinal)))
            && fault.GetProperty("registers").EnumerateObject().Any(register => register.Value.GetUInt64() != 0);
    }

    private static int Note(bool good, List<string> problems, string what)
    {
        if (!good)
        {
            problems.Add(what.Trim());
        }

        return good ? 1 : 0;
    }
}
