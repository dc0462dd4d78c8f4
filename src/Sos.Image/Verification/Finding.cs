namespace Sos.Image.Verification;

/// <summary>Something refused, at an address, before names are known.</summary>
internal readonly record struct Finding(string Id, ulong Rva, ulong Function, string Message);
