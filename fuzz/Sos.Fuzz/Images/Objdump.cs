using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;

namespace Sos.Fuzz.Images;

/// <summary>The second decoder: objdump of GNU binutils, which shares no line with the verifier's.</summary>
public static partial class Objdump
{
    private static readonly HashSet<string> Prefixes =
    [
        "lock", "rep", "repz", "repe", "repnz", "repne", "data16", "addr32", "cs", "ds", "es", "ss", "fs", "gs", "bnd", "notrack",
        "xacquire", "xrelease",
    ];

    /// <summary>Decodes code from its first byte to its last, one instruction after the other.</summary>
    /// <param name="code">The machine code.</param>
    /// <param name="address">Of its first byte.</param>
    /// <exception cref="InvalidOperationException">objdump does not run: the Debian package binutils has it.</exception>
    public static Dictionary<ulong, DecodedInstruction> Decode(byte[] code, ulong address)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, code);
            ProgramStart(file, address, out Process process);
            using (process)
            {
                Dictionary<ulong, DecodedInstruction> result = [];
                while (process.StandardOutput.ReadLine() is { } line)
                {
                    if (Line().Match(line) is { Success: true } match)
                    {
                        ulong at = ulong.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                        int length = match.Groups[2].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
                        (ControlFlow flow, ulong target) = Classify(match.Groups[3].Value);
                        result.Add(at, new DecodedInstruction(length, flow, target, match.Groups[3].Value));
                    }
                }

                process.WaitForExit();
                return process.ExitCode == 0 ? result : throw new InvalidOperationException($"objdump failed: {process.ExitCode}");
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static void ProgramStart(string file, ulong address, out Process process)
    {
        ProcessStartInfo start = new("objdump",
        [
            "-D", "-z", "-w", "--insn-width=16", "-b", "binary", "-m", "i386:x86-64", $"--adjust-vma=0x{address:x}", file,
        ])
        { RedirectStandardOutput = true };
        start.Environment["LC_ALL"] = "C";
        process = Process.Start(start) ?? throw new InvalidOperationException("objdump did not start");
    }

    private static (ControlFlow Flow, ulong Target) Classify(string text)
    {
        string[] words = text.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        int at = 0;
        while (at < words.Length - 1 && (Prefixes.Contains(words[at]) || words[at].StartsWith("rex", StringComparison.Ordinal)))
        {
            at++;
        }

        string mnemonic = at < words.Length ? words[at].Split(',')[0] : "";
        string operands = at + 1 < words.Length ? words[at + 1] : "";
        if (Array.Exists(words[..at], w => w is "fs" or "gs") || operands.Contains("%fs", StringComparison.Ordinal)
            || operands.Contains("%gs", StringComparison.Ordinal) || ForbiddenMnemonic().IsMatch(mnemonic)
            || ForbiddenOperand().IsMatch(operands))
        {
            return (ControlFlow.Forbidden, 0);
        }

        bool isIndirect = operands.StartsWith('*');
        ulong target = !isIndirect && operands.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(operands.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong value) ? value : 0;
        ControlFlow flow = mnemonic switch
        {
            "jmp" or "jmpq" => isIndirect ? ControlFlow.IndirectJump : ControlFlow.Jump,
            "call" or "callq" => isIndirect ? ControlFlow.Forbidden : ControlFlow.Call,
            "ret" or "retq" => operands.Length == 0 ? ControlFlow.Return : ControlFlow.Forbidden,
            "int" => operands == "$0x20" ? ControlFlow.Next : ControlFlow.Forbidden,
            "int3" or "ud0" or "ud1" or "ud2" => ControlFlow.End,
            _ when mnemonic.StartsWith('j') || mnemonic.StartsWith("loop", StringComparison.Ordinal) => ControlFlow.ConditionalJump,
            _ => ControlFlow.Next,
        };
        return (flow, target);
    }

    [GeneratedRegex(@"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(.*?)\s*$")]
    private static partial Regex Line();

    // Written from the processors' manuals (SDM vol. 3, 5.9 and 26.1; APM vol. 3, chapter 4), not from the verifier.
    [GeneratedRegex("^(\\(bad\\)|syscall|sysenter|sysret.*|sysexit.*|int1|icebp|into|iret.*|uiret|l?ret[fw]|lret.*|ljmp.*|lcall.*|in|inb|inl|inw|out"
        + "|outb|outl|outw"
        + "|ins[bwlq]?|outs[bwlq]?|cli|sti|hlt|popf.*|clts|invd|wbinvd|wbnoinvd|invlpg.*|invpcid|rdmsr|wrmsr.*|rdpmc|rdpru|xsetbv|xgetbv|xsave.*|xrstor.*"
        + "|wrpkru|rdpkru|[ls]gdt.*|[ls]idt.*|[ls]ldt.*|[ls]msw.*|ltr|str|lar|lsl|verr|verw|lfs|lgs|lss|lds|les|swapgs|(rd|wr)[fg]sbase.*"
        + "|vm(call|mcall|func|launch|resume|xon|xoff|read|write|clear|ptrld|ptrst|run|load|save|gexit).*|stgi|clgi|skinit|invlpga|getsec|encl[usv]"
        + "|xbegin|xend|xabort|xtest|monitor.*|mwait.*|umonitor|umwait|senduipi|clui|stui|testui|clac|stac|rsm|pconfig"
        + "|seam.*|tdcall|enqcmds?|hreset|setssbsy|clrssbsy|rstorssp|saveprevssp|wru?ss.*|incssp.*|rdssp.*|loadiwkey|f(ld|st|xsave|xrstor|init|ninit).*)$")]
    private static partial Regex ForbiddenMnemonic();

    [GeneratedRegex("%(cr|db|dr|tr)[0-9]|%(cs|ds|es|ss)(,|$)|^%st")]
    private static partial Regex ForbiddenOperand();
}
