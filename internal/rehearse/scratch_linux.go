package rehearse

import "syscall"

// memoryDir is where Linux keeps files in memory.
const memoryDir = "/dev/shm"

// memoryRoom is how many bytes are free there.
func memoryRoom() uint64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(memoryDir, &s); err != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
