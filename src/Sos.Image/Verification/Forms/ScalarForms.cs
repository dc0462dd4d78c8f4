using System;
using Iced.Intel;

namespace Sos.Image.Verification.Forms;

/// <summary>The forms on general registers and of control that a service may contain, by what they change.</summary>
internal static class ScalarForms
{
    /// <summary>No register, no flag, no memory changes.</summary>
    public static ReadOnlySpan<Code> Nothing =>
    [
        Code.Nopw, Code.Nopd, Code.Pause, Code.Prefetchnta_m8, Code.Prefetcht0_m8, Code.Prefetcht1_m8, Code.Prefetcht2_m8, Code.Nop_rm16,
        Code.Nop_rm32, Code.Lfence, Code.Mfence, Code.Sfence,
    ];

    /// <summary>Flags change, nothing else.</summary>
    public static ReadOnlySpan<Code> Reads =>
    [
        Code.Test_rm8_r8, Code.Test_rm16_r16, Code.Test_rm32_r32, Code.Test_rm64_r64, Code.Test_AL_imm8, Code.Test_AX_imm16, Code.Test_EAX_imm32,
        Code.Test_RAX_imm32, Code.Test_rm8_imm8, Code.Test_rm16_imm16, Code.Test_rm32_imm32, Code.Test_rm64_imm32, Code.Bt_rm32_r32, Code.Bt_rm64_r64,
        Code.Tpause_r32, Code.Bt_rm32_imm8, Code.Bt_rm64_imm8,
    ];

    /// <summary>Flags tell how the first operand stands to the second.</summary>
    public static ReadOnlySpan<Code> Compares =>
    [
        Code.Cmp_rm8_r8, Code.Cmp_rm16_r16, Code.Cmp_rm32_r32, Code.Cmp_rm64_r64, Code.Cmp_r8_rm8, Code.Cmp_r16_rm16, Code.Cmp_r32_rm32,
        Code.Cmp_r64_rm64, Code.Cmp_AL_imm8, Code.Cmp_AX_imm16, Code.Cmp_EAX_imm32, Code.Cmp_RAX_imm32, Code.Cmp_rm8_imm8, Code.Cmp_rm16_imm16,
        Code.Cmp_rm32_imm32, Code.Cmp_rm64_imm32, Code.Cmp_rm16_imm8, Code.Cmp_rm32_imm8, Code.Cmp_rm64_imm8,
    ];

    /// <summary>The first operand becomes the second.</summary>
    public static ReadOnlySpan<Code> Copies =>
    [
        Code.Mov_rm8_r8, Code.Mov_rm16_r16, Code.Mov_rm32_r32, Code.Mov_rm64_r64, Code.Mov_r8_rm8, Code.Mov_r16_rm16, Code.Mov_r32_rm32,
        Code.Mov_r64_rm64, Code.Mov_r8_imm8, Code.Mov_r16_imm16, Code.Mov_r32_imm32, Code.Mov_r64_imm64, Code.Mov_rm8_imm8, Code.Mov_rm16_imm16,
        Code.Mov_rm32_imm32, Code.Mov_rm64_imm32,
    ];

    /// <summary>A register becomes a shorter value, with zeros or its sign in front.</summary>
    public static ReadOnlySpan<Code> Extensions =>
    [
        Code.Movsxd_r64_rm32, Code.Movzx_r32_rm8, Code.Movzx_r64_rm8, Code.Movzx_r32_rm16, Code.Movzx_r64_rm16, Code.Movsx_r32_rm8,
        Code.Movsx_r64_rm8, Code.Movsx_r32_rm16, Code.Movsx_r64_rm16,
    ];

    /// <summary>A register becomes the address of the second operand.</summary>
    public static ReadOnlySpan<Code> Addresses =>
    [
        Code.Lea_r32_m, Code.Lea_r64_m,
    ];

    /// <summary>The first operand becomes its sum with the second.</summary>
    public static ReadOnlySpan<Code> Sums =>
    [
        Code.Add_rm8_r8, Code.Add_rm16_r16, Code.Add_rm32_r32, Code.Add_rm64_r64, Code.Add_r8_rm8, Code.Add_r16_rm16, Code.Add_r32_rm32,
        Code.Add_r64_rm64, Code.Add_AL_imm8, Code.Add_AX_imm16, Code.Add_EAX_imm32, Code.Add_RAX_imm32, Code.Add_rm8_imm8, Code.Add_rm16_imm16,
        Code.Add_rm32_imm32, Code.Add_rm64_imm32, Code.Add_rm16_imm8, Code.Add_rm32_imm8, Code.Add_rm64_imm8,
    ];

    /// <summary>The first operand becomes its difference from the second.</summary>
    public static ReadOnlySpan<Code> Differences =>
    [
        Code.Sub_rm8_r8, Code.Sub_rm16_r16, Code.Sub_rm32_r32, Code.Sub_rm64_r64, Code.Sub_r8_rm8, Code.Sub_r16_rm16, Code.Sub_r32_rm32,
        Code.Sub_r64_rm64, Code.Sub_AL_imm8, Code.Sub_AX_imm16, Code.Sub_EAX_imm32, Code.Sub_RAX_imm32, Code.Sub_rm8_imm8, Code.Sub_rm16_imm16,
        Code.Sub_rm32_imm32, Code.Sub_rm64_imm32, Code.Sub_rm16_imm8, Code.Sub_rm32_imm8, Code.Sub_rm64_imm8,
    ];

    /// <summary>The first operand becomes its bits that the second has too.</summary>
    public static ReadOnlySpan<Code> Masks =>
    [
        Code.And_rm8_r8, Code.And_rm16_r16, Code.And_rm32_r32, Code.And_rm64_r64, Code.And_r8_rm8, Code.And_r16_rm16, Code.And_r32_rm32,
        Code.And_r64_rm64, Code.And_AL_imm8, Code.And_AX_imm16, Code.And_EAX_imm32, Code.And_RAX_imm32, Code.And_rm8_imm8, Code.And_rm16_imm16,
        Code.And_rm32_imm32, Code.And_rm64_imm32, Code.And_rm16_imm8, Code.And_rm32_imm8, Code.And_rm64_imm8,
    ];

    /// <summary>The first operand becomes a number that follows from the operands; flags change; a 32-bit result clears the upper half.</summary>
    public static ReadOnlySpan<Code> Arithmetic =>
    [
        Code.Or_rm8_r8, Code.Or_rm16_r16, Code.Or_rm32_r32, Code.Or_rm64_r64, Code.Or_r8_rm8, Code.Or_r16_rm16, Code.Or_r32_rm32, Code.Or_r64_rm64,
        Code.Or_AL_imm8, Code.Or_AX_imm16, Code.Or_EAX_imm32, Code.Or_RAX_imm32, Code.Or_rm8_imm8, Code.Or_rm16_imm16, Code.Or_rm32_imm32,
        Code.Or_rm64_imm32, Code.Or_rm16_imm8, Code.Or_rm32_imm8, Code.Or_rm64_imm8, Code.Xor_rm8_r8, Code.Xor_rm16_r16, Code.Xor_rm32_r32,
        Code.Xor_rm64_r64, Code.Xor_r8_rm8, Code.Xor_r16_rm16, Code.Xor_r32_rm32, Code.Xor_r64_rm64, Code.Xor_AL_imm8, Code.Xor_AX_imm16,
        Code.Xor_EAX_imm32, Code.Xor_RAX_imm32, Code.Xor_rm8_imm8, Code.Xor_rm16_imm16, Code.Xor_rm32_imm32, Code.Xor_rm64_imm32, Code.Xor_rm16_imm8,
        Code.Xor_rm32_imm8, Code.Xor_rm64_imm8, Code.Sbb_rm8_r8, Code.Sbb_rm16_r16, Code.Sbb_rm32_r32, Code.Sbb_rm64_r64, Code.Sbb_r8_rm8,
        Code.Sbb_r16_rm16, Code.Sbb_r32_rm32, Code.Sbb_r64_rm64, Code.Sbb_AL_imm8, Code.Sbb_AX_imm16, Code.Sbb_EAX_imm32, Code.Sbb_RAX_imm32,
        Code.Sbb_rm8_imm8, Code.Sbb_rm16_imm16, Code.Sbb_rm32_imm32, Code.Sbb_rm64_imm32, Code.Sbb_rm16_imm8, Code.Sbb_rm32_imm8, Code.Sbb_rm64_imm8,
        Code.Neg_rm8, Code.Neg_rm16, Code.Neg_rm32, Code.Neg_rm64, Code.Inc_rm8, Code.Dec_rm8, Code.Inc_rm16, Code.Inc_rm32, Code.Inc_rm64,
        Code.Dec_rm16, Code.Dec_rm32, Code.Dec_rm64, Code.Imul_r32_rm32_imm32, Code.Imul_r64_rm64_imm32, Code.Imul_r32_rm32_imm8,
        Code.Imul_r64_rm64_imm8, Code.Imul_r32_rm32, Code.Imul_r64_rm64, Code.Popcnt_r32_rm32, Code.Popcnt_r64_rm64, Code.Tzcnt_r32_rm32,
        Code.Tzcnt_r64_rm64, Code.Lzcnt_r32_rm32, Code.Lzcnt_r64_rm64, Code.VEX_Andn_r32_r32_rm32, Code.VEX_Andn_r64_r64_rm64, Code.VEX_Blsr_r32_rm32,
        Code.VEX_Blsr_r64_rm64, Code.VEX_Blsmsk_r32_rm32, Code.VEX_Blsmsk_r64_rm64, Code.VEX_Blsi_r32_rm32, Code.VEX_Blsi_r64_rm64,
        Code.VEX_Bzhi_r32_rm32_r32, Code.VEX_Bzhi_r64_rm64_r64, Code.VEX_Bextr_r32_rm32_r32, Code.VEX_Bextr_r64_rm64_r64,
    ];

    /// <summary>The first operand becomes a number, and flags change, unless the count is zero: nothing is concluded of the upper half.</summary>
    public static ReadOnlySpan<Code> Shifts =>
    [
        Code.Rol_rm8_imm8, Code.Ror_rm8_imm8, Code.Shl_rm8_imm8, Code.Shr_rm8_imm8, Code.Sar_rm8_imm8, Code.Rol_rm16_imm8, Code.Rol_rm32_imm8,
        Code.Rol_rm64_imm8, Code.Ror_rm16_imm8, Code.Ror_rm32_imm8, Code.Ror_rm64_imm8, Code.Shl_rm16_imm8, Code.Shl_rm32_imm8, Code.Shl_rm64_imm8,
        Code.Shr_rm16_imm8, Code.Shr_rm32_imm8, Code.Shr_rm64_imm8, Code.Sar_rm16_imm8, Code.Sar_rm32_imm8, Code.Sar_rm64_imm8, Code.Rol_rm8_1,
        Code.Ror_rm8_1, Code.Shl_rm8_1, Code.Shr_rm8_1, Code.Sar_rm8_1, Code.Rol_rm16_1, Code.Rol_rm32_1, Code.Rol_rm64_1, Code.Ror_rm16_1,
        Code.Ror_rm32_1, Code.Ror_rm64_1, Code.Shl_rm16_1, Code.Shl_rm32_1, Code.Shl_rm64_1, Code.Shr_rm16_1, Code.Shr_rm32_1, Code.Shr_rm64_1,
        Code.Sar_rm16_1, Code.Sar_rm32_1, Code.Sar_rm64_1, Code.Rol_rm8_CL, Code.Ror_rm8_CL, Code.Shl_rm8_CL, Code.Shr_rm8_CL, Code.Sar_rm8_CL,
        Code.Rol_rm16_CL, Code.Rol_rm32_CL, Code.Rol_rm64_CL, Code.Ror_rm16_CL, Code.Ror_rm32_CL, Code.Ror_rm64_CL, Code.Shl_rm16_CL,
        Code.Shl_rm32_CL, Code.Shl_rm64_CL, Code.Shr_rm16_CL, Code.Shr_rm32_CL, Code.Shr_rm64_CL, Code.Sar_rm16_CL, Code.Sar_rm32_CL,
        Code.Sar_rm64_CL,
    ];

    /// <summary>The first operand becomes a number, or stays as it was; flags stay.</summary>
    public static ReadOnlySpan<Code> Selections =>
    [
        Code.Cmovo_r32_rm32, Code.Cmovo_r64_rm64, Code.Cmovno_r32_rm32, Code.Cmovno_r64_rm64, Code.Cmovb_r32_rm32, Code.Cmovb_r64_rm64,
        Code.Cmovae_r32_rm32, Code.Cmovae_r64_rm64, Code.Cmove_r32_rm32, Code.Cmove_r64_rm64, Code.Cmovne_r32_rm32, Code.Cmovne_r64_rm64,
        Code.Cmovbe_r32_rm32, Code.Cmovbe_r64_rm64, Code.Cmova_r32_rm32, Code.Cmova_r64_rm64, Code.Cmovs_r32_rm32, Code.Cmovs_r64_rm64,
        Code.Cmovns_r32_rm32, Code.Cmovns_r64_rm64, Code.Cmovp_r32_rm32, Code.Cmovp_r64_rm64, Code.Cmovnp_r32_rm32, Code.Cmovnp_r64_rm64,
        Code.Cmovl_r32_rm32, Code.Cmovl_r64_rm64, Code.Cmovge_r32_rm32, Code.Cmovge_r64_rm64, Code.Cmovle_r32_rm32, Code.Cmovle_r64_rm64,
        Code.Cmovg_r32_rm32, Code.Cmovg_r64_rm64, Code.Seto_rm8, Code.Setno_rm8, Code.Setb_rm8, Code.Setae_rm8, Code.Sete_rm8, Code.Setne_rm8,
        Code.Setbe_rm8, Code.Seta_rm8, Code.Sets_rm8, Code.Setns_rm8, Code.Setp_rm8, Code.Setnp_rm8, Code.Setl_rm8, Code.Setge_rm8, Code.Setle_rm8,
        Code.Setg_rm8, Code.Not_rm8, Code.Not_rm16, Code.Not_rm32, Code.Not_rm64, Code.Movnti_m32_r32, Code.Movnti_m64_r64, Code.Bswap_r32,
        Code.Bswap_r64, Code.Movbe_r16_m16, Code.Movbe_r32_m32, Code.Movbe_r64_m64, Code.Crc32_r32_rm8, Code.Crc32_r64_rm8, Code.Movbe_m16_r16,
        Code.Movbe_m32_r32, Code.Movbe_m64_r64, Code.Crc32_r32_rm16, Code.Crc32_r32_rm32, Code.Crc32_r64_rm64, Code.VEX_Pext_r32_r32_rm32,
        Code.VEX_Pext_r64_r64_rm64, Code.VEX_Pdep_r32_r32_rm32, Code.VEX_Pdep_r64_r64_rm64, Code.VEX_Shlx_r32_rm32_r32, Code.VEX_Shlx_r64_rm64_r64,
        Code.VEX_Sarx_r32_rm32_r32, Code.VEX_Sarx_r64_rm64_r64, Code.VEX_Shrx_r32_rm32_r32, Code.VEX_Shrx_r64_rm64_r64, Code.VEX_Rorx_r32_rm32_imm8,
        Code.VEX_Rorx_r64_rm64_imm8,
    ];

    /// <summary>Both operands change.</summary>
    public static ReadOnlySpan<Code> Exchanges =>
    [
        Code.Xchg_rm8_r8, Code.Xchg_rm16_r16, Code.Xchg_rm32_r32, Code.Xchg_rm64_r64, Code.Xadd_rm8_r8, Code.Xadd_rm16_r16, Code.Xadd_rm32_r32,
        Code.Xadd_rm64_r64,
    ];

    /// <summary>The first operand or RAX changes.</summary>
    public static ReadOnlySpan<Code> ComparedExchanges =>
    [
        Code.Cmpxchg_rm8_r8, Code.Cmpxchg_rm16_r16, Code.Cmpxchg_rm32_r32, Code.Cmpxchg_rm64_r64,
    ];

    /// <summary>RAX and RDX become a product, or a quotient and a remainder.</summary>
    public static ReadOnlySpan<Code> WideResults =>
    [
        Code.Imul_rm32, Code.Imul_rm64, Code.Div_rm32, Code.Div_rm64, Code.Idiv_rm32, Code.Idiv_rm64,
    ];

    /// <summary>RDX becomes the sign of RAX.</summary>
    public static ReadOnlySpan<Code> SignsOfRax =>
    [
        Code.Cdq, Code.Cqo,
    ];

    /// <summary>RAX becomes its lower half, with its sign in front.</summary>
    public static ReadOnlySpan<Code> ExtensionsOfRax =>
    [
        Code.Cwde, Code.Cdqe,
    ];

    /// <summary>Both first operands become a product; flags stay.</summary>
    public static ReadOnlySpan<Code> Products =>
    [
        Code.VEX_Mulx_r32_r32_rm32, Code.VEX_Mulx_r64_r64_rm64,
    ];

    /// <summary>RAX and RDX become a number; flags stay.</summary>
    public static ReadOnlySpan<Code> TimeStamps =>
    [
        Code.Rdtsc,
    ];

    /// <summary>The first operand becomes a number that nobody knows, and flags tell whether there was one. Whole registers alone.</summary>
    public static ReadOnlySpan<Code> RandomNumbers =>
    [
        Code.Rdrand_r64, Code.Rdseed_r64,
    ];

    /// <summary>RCX bytes at RSI are copied to RDI, and the three count.</summary>
    public static ReadOnlySpan<Code> RepeatedMoves =>
    [
        Code.Movsb_m8_m8,
    ];

    /// <summary>RCX bytes at RDI become AL, and the two count.</summary>
    public static ReadOnlySpan<Code> RepeatedStores =>
    [
        Code.Stosb_m8_AL,
    ];

    /// <summary>RSP goes down by 8, and the operand is stored there.</summary>
    public static ReadOnlySpan<Code> Pushes =>
    [
        Code.Push_r64, Code.Pushq_imm32, Code.Pushq_imm8,
    ];

    /// <summary>The register becomes what RSP points at, and RSP goes up by 8.</summary>
    public static ReadOnlySpan<Code> Pops =>
    [
        Code.Pop_r64,
    ];

    /// <summary>Control goes to the target.</summary>
    public static ReadOnlySpan<Code> Jumps =>
    [
        Code.Jmp_rel32_64, Code.Jmp_rel8_64,
    ];

    /// <summary>Control goes to the target or on, as the flags tell.</summary>
    public static ReadOnlySpan<Code> Branches =>
    [
        Code.Jo_rel8_64, Code.Jno_rel8_64, Code.Jb_rel8_64, Code.Jae_rel8_64, Code.Je_rel8_64, Code.Jne_rel8_64, Code.Jbe_rel8_64, Code.Ja_rel8_64,
        Code.Js_rel8_64, Code.Jns_rel8_64, Code.Jp_rel8_64, Code.Jnp_rel8_64, Code.Jl_rel8_64, Code.Jge_rel8_64, Code.Jle_rel8_64, Code.Jg_rel8_64,
        Code.Jo_rel32_64, Code.Jno_rel32_64, Code.Jb_rel32_64, Code.Jae_rel32_64, Code.Je_rel32_64, Code.Jne_rel32_64, Code.Jbe_rel32_64,
        Code.Ja_rel32_64, Code.Js_rel32_64, Code.Jns_rel32_64, Code.Jp_rel32_64, Code.Jnp_rel32_64, Code.Jl_rel32_64, Code.Jge_rel32_64,
        Code.Jle_rel32_64, Code.Jg_rel32_64,
    ];

    /// <summary>Control goes to the target, and comes back.</summary>
    public static ReadOnlySpan<Code> Calls =>
    [
        Code.Call_rel32_64,
    ];

    /// <summary>Control goes back to the caller.</summary>
    public static ReadOnlySpan<Code> Returns =>
    [
        Code.Retnq,
    ];

    /// <summary>Control goes to what a register holds: only a switch.</summary>
    public static ReadOnlySpan<Code> Switches =>
    [
        Code.Jmp_rm64,
    ];

    /// <summary>The gate, if its vector is.</summary>
    public static ReadOnlySpan<Code> Gates =>
    [
        Code.Int_imm8,
    ];

    /// <summary>Control ends.</summary>
    public static ReadOnlySpan<Code> Traps =>
    [
        Code.Int3, Code.Ud2,
    ];
}
