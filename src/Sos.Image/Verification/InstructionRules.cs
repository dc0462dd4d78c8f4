using Iced.Intel;
using Sos.Image.Verification.Forms;

namespace Sos.Image.Verification;

/// <summary>Which single instructions a service may not contain, wherever they stand. What may is listed in <see cref="InstructionForms"/>;
/// the rules before only tell the reason where there is a better one than that it is not on the list.</summary>
internal static class InstructionRules
{
    /// <summary>The vector of the gate, SOS_GATE_VECTOR.</summary>
    public const byte GateVector = 0x20;

    /// <summary>The id and text of the refusal, or null for an instruction that may run.</summary>
    /// <param name="i">The instruction.</param>
    /// <param name="decoded">How its decoding ended.</param>
    /// <param name="effect">What it changes.</param>
    public static (string Id, string Message)? Check(in Instruction i, DecodeResult decoded, Effect effect)
    {
        if (decoded == DecodeResult.Overlap)
        {
            return (DiagnosticIds.Overlap, "the instruction overlaps another");
        }

        if (CheckMeaning(i) is { } refusal)
        {
            return refusal;
        }

        return decoded == DecodeResult.Disputed ? (DiagnosticIds.Undecodable, "bytes that not all processors and decoders take for the same instruction")
            : CheckForm(i, effect);
    }

    /// <summary>The id and text of the refusal of what no service may do, with the best reason; else null.</summary>
    private static (string Id, string Message)? CheckMeaning(in Instruction i)
    {
        if (i.IsInvalid)
        {
            return (DiagnosticIds.Undecodable, "bytes that are no instruction");
        }

        if (i.Mnemonic is Mnemonic.Ud0 or Mnemonic.Ud1)
        {
            return (DiagnosticIds.Undecodable, "processors differ in the length of UD0 and UD1");
        }

        if (IsSystemCall(i))
        {
            return (DiagnosticIds.SystemCall, $"{i.Mnemonic} calls the system");
        }

        if (IsFar(i) || TouchesSegmentRegister(i))
        {
            return (DiagnosticIds.FarOrSegment, $"{i.Mnemonic} is a far branch or changes a segment register");
        }

        if (i.SegmentPrefix is Register.FS or Register.GS)
        {
            return (DiagnosticIds.ThreadStatic, "memory relative to FS or GS, thread-local storage, is used");
        }

        if (i.IsPrivileged || IsForbidden(i.Mnemonic))
        {
            return (DiagnosticIds.Privileged, $"{i.Mnemonic} is privileged, or has no place in a service");
        }

        foreach (CpuidFeature feature in i.CpuidFeatures)
        {
            if (!IsKnown(feature))
            {
                return (DiagnosticIds.Privileged, $"{i.Mnemonic} belongs to {feature}, which has no place in a service");
            }
        }

        return null;
    }

    /// <summary>The id and text of the refusal of a form that is not on the list, or is used as it may not be; else null.</summary>
    private static (string Id, string Message)? CheckForm(in Instruction i, Effect effect)
    {
        if (i.FlowControl == FlowControl.IndirectCall)
        {
            return (DiagnosticIds.IndirectCall, "an indirect call: a virtual method, a delegate or a function pointer");
        }

        // Whether these may stand there is told where control is followed, with what is known there.
        bool isFollowed = i.FlowControl == FlowControl.IndirectBranch || i.Code == Code.Retnq_imm16;
        if (effect == Effect.Refused && !isFollowed)
        {
            return (DiagnosticIds.FormNotAllowed, $"the form {i.Code} of an instruction is not on the list of those that are allowed");
        }

        return InstructionForms.RefusedUse(i, effect) is { } reason
            ? (DiagnosticIds.FormNotAllowed, $"the form {i.Code} of an instruction is on the list, but {reason}") : null;
    }

    /// <summary>
    /// Whether a service may use instructions of a set: what the compiler emits for x86-64-v3, and what it may ask for beyond that
    /// (<see cref="IlcInstructionSets"/>). All other sets are refused, so that one that is new to the decoder, or to the
    /// processors, is refused until someone has looked at it.
    /// </summary>
    private static bool IsKnown(CpuidFeature feature) => feature switch
    {
        CpuidFeature.INTEL8086 or CpuidFeature.INTEL186 or CpuidFeature.INTEL286 or CpuidFeature.INTEL386
            or CpuidFeature.INTEL486 or CpuidFeature.X64 or CpuidFeature.CMOV or CpuidFeature.CX8 or CpuidFeature.CMPXCHG16B
            or CpuidFeature.MULTIBYTENOP or CpuidFeature.PAUSE or CpuidFeature.CET_IBT => true,
        CpuidFeature.CPUID or CpuidFeature.TSC or CpuidFeature.RDTSCP or CpuidFeature.RDPID or CpuidFeature.RDRAND
            or CpuidFeature.RDSEED or CpuidFeature.SERIALIZE or CpuidFeature.PREFETCHW => true,
        CpuidFeature.WAITPKG => true, // tpause: the SDK asks before whether the loader found it; the others of the set are forbidden
        CpuidFeature.SSE or CpuidFeature.SSE2 or CpuidFeature.SSE3 or CpuidFeature.SSSE3 or CpuidFeature.SSE4_1
            or CpuidFeature.SSE4_2 or CpuidFeature.POPCNT or CpuidFeature.LZCNT or CpuidFeature.BMI1 or CpuidFeature.BMI2
            or CpuidFeature.MOVBE or CpuidFeature.ADX => true,
        CpuidFeature.AVX or CpuidFeature.AVX2 or CpuidFeature.FMA or CpuidFeature.F16C or CpuidFeature.AVX_VNNI
            or CpuidFeature.AVX_IFMA => true,
        CpuidFeature.AVX512F or CpuidFeature.AVX512BW or CpuidFeature.AVX512CD or CpuidFeature.AVX512DQ
            or CpuidFeature.AVX512VL or CpuidFeature.AVX512_IFMA or CpuidFeature.AVX512_VBMI or CpuidFeature.AVX512_VBMI2
            or CpuidFeature.AVX512_VNNI or CpuidFeature.AVX512_BITALG or CpuidFeature.AVX512_VPOPCNTDQ
            or CpuidFeature.AVX512_BF16 or CpuidFeature.AVX512_FP16 => true,
        CpuidFeature.AES or CpuidFeature.PCLMULQDQ or CpuidFeature.VAES or CpuidFeature.VPCLMULQDQ or CpuidFeature.GFNI
            or CpuidFeature.SHA => true,
        _ => false,
    };

    private static bool IsSystemCall(in Instruction i) => i.Mnemonic switch
    {
        Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Sysexit or Mnemonic.Sysret or Mnemonic.Sysretq or Mnemonic.Sysexitq
            or Mnemonic.Int1 or Mnemonic.Into => true,
        Mnemonic.Int => i.Immediate8 != GateVector,
        _ => false,
    };

    private static bool IsFar(in Instruction i) => i.Mnemonic switch
    {
        Mnemonic.Retf or Mnemonic.Iret or Mnemonic.Iretd or Mnemonic.Iretq or Mnemonic.Uiret => true,
        Mnemonic.Lfs or Mnemonic.Lgs or Mnemonic.Lss or Mnemonic.Lds or Mnemonic.Les => true,
        Mnemonic.Wrfsbase or Mnemonic.Wrgsbase or Mnemonic.Rdfsbase or Mnemonic.Rdgsbase or Mnemonic.Swapgs => true,
        _ => i.IsJmpFar || i.IsJmpFarIndirect || i.IsCallFar || i.IsCallFarIndirect,
    };

    private static bool TouchesSegmentRegister(in Instruction i)
    {
        for (int n = 0; n < i.OpCount; n++)
        {
            if (i.GetOpKind(n) == OpKind.Register && i.GetOpRegister(n).IsSegmentRegister())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Instructions of the known sets that fault in ring 3 on some machines, tell of Linux's tables, or change what the
    /// verifier counts on.</summary>
    private static bool IsForbidden(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.In or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd => true,
        Mnemonic.Out or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd => true,
        Mnemonic.Cli or Mnemonic.Sti or Mnemonic.Hlt or Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Popfq => true,
        Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Smsw or Mnemonic.Str => true,
        Mnemonic.Umonitor or Mnemonic.Umwait => true,
        Mnemonic.Lar or Mnemonic.Lsl or Mnemonic.Verr or Mnemonic.Verw or Mnemonic.Reservednop => true,
        _ => false,
    };
}
