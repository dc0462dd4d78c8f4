namespace Sos.Image.Elf;

/// <summary>The constants of ELF64 for x86-64 that images and object files use (System V gABI, x86-64 psABI).</summary>
internal static class ElfFormat
{
    public const uint Magic = 0x464c457f;
    public const int HeaderSize = 64;
    public const int ProgramHeaderSize = 56;
    public const int SectionHeaderSize = 64;
    public const int SymbolSize = 24;
    public const int RelaSize = 24;
    public const int DynSize = 16;

    public const byte Class64 = 2;
    public const byte LittleEndian = 1;
    public const ushort MachineX64 = 62;
    public const ushort TypeRelocatable = 1;
    public const ushort TypeDynamic = 3;

    public const uint SegmentLoad = 1;
    public const uint SegmentDynamic = 2;
    public const uint SegmentNote = 4;
    public const uint SegmentGnuStack = 0x6474e551;

    public const uint FlagExecute = 1;
    public const uint FlagWrite = 2;
    public const uint FlagRead = 4;

    public const uint SectionProgBits = 1;
    public const uint SectionSymbols = 2;
    public const uint SectionStrings = 3;
    public const uint SectionRela = 4;
    public const uint SectionDynamic = 6;
    public const uint SectionNote = 7;
    public const uint SectionNoBits = 8;

    public const ulong SectionWrite = 1;
    public const ulong SectionAlloc = 2;
    public const ulong SectionExecute = 4;
    public const ulong SectionTls = 0x400;

    public const byte SymbolFunction = 2;
    public const byte SymbolSection = 3;
    public const byte SymbolTls = 6;

    public const uint RelocationAbsolute64 = 1;
    public const uint RelocationPc32 = 2;
    public const uint RelocationPlt32 = 4;
    public const uint RelocationRelative = 8;
    public const uint RelocationAbsolute32 = 10;
    public const uint RelocationTlsGd = 19;

    public const long DynamicNull = 0;
    public const long DynamicRela = 7;
    public const long DynamicRelaSize = 8;
    public const long DynamicRelaEntry = 9;
}
